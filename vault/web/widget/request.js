// @ts-check
/** What one request needs: a time limit, and an answer's refusal as a code. */

const ANSWER_TIMEOUT_MS = 10_000; // shorter loses slow phones, longer leaves people in front of a wheel

/** The vault said no, or nothing. `code` is stable and chosen for sentences (strings.js). */
export class CallFailure extends Error {
  /**
   * @param {string} code
   * @param {ErrorOptions} [options]
   */
  constructor(code, options) {
    super(code, options);
    this.name = "CallFailure";
    this.code = code;
  }
}

/** @param {unknown} value */
export function asJson(value) {
  return { body: JSON.stringify(value), headers: { "Content-Type": "application/json" } };
}

/**
 * The `code` of an RFC 9457 body, or one made from the status.
 * @param {Response} response
 * @returns {Promise<string>}
 */
export async function problemCode(response) {
  try {
    const problem = await response.json();
    if (typeof problem.code === "string") return problem.code;
  } catch {
    // Not ours: a proxy's page. The status still says something.
  }
  return `http_${response.status}`;
}

/**
 * The caller's signal and our time limit in one. (`AbortSignal.any` is younger than the phones we serve.)
 * @param {AbortSignal | undefined} outer
 */
export function withDeadline(outer) {
  const inner = new AbortController();
  let expired = false;
  const follow = () => inner.abort();
  const timer = setTimeout(() => {
    expired = true;
    inner.abort();
  }, ANSWER_TIMEOUT_MS);
  if (outer?.aborted) inner.abort();
  outer?.addEventListener("abort", follow, { once: true });
  const clear = () => {
    clearTimeout(timer);
    outer?.removeEventListener("abort", follow);
  };
  return { signal: inner.signal, expired: () => expired, clear };
}
