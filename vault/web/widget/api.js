// @ts-check
/** The vault's HTTP interface, as far as a visitor needs it. One object per call: it holds the call's token. */

/** @typedef {"audio" | "video"} Medium */
/**
 * What the visitor is told before anything is kept. `hash` binds the consent to this text.
 * @typedef {{version: string | number, hash: string, language: string, tenant_name: string, purpose: string,
 *   retention_days: number, records: Medium[], text: string}} Notice
 */
/**
 * @typedef {{id: string, state: string, token: string, token_expires_at: string, notice: Notice,
 *   ice_servers: RTCIceServer[]}} CreatedCall
 */
/** @typedef {{label: {fr: string, en: string}, media: Medium[], tenant_name: string, languages: string[]}} ButtonInfo */
/** @typedef {{url: URL, etag: string | null, answer: string}} Leg */
/**
 * @typedef {{language: string, media: Medium[], visitor?: Record<string, string>, page_url?: string}} CallWish
 */

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

export class VaultApi {
  /** @type {string | null} */
  #token = null;
  /** @type {URL} */
  #base;

  /** @param {URL} base the folder that holds widget.js, so a vault under a path prefix works too */
  constructor(base) {
    this.#base = base;
  }

  /**
   * @param {string} buttonId
   * @returns {Promise<ButtonInfo>}
   */
  async button(buttonId) {
    const response = await this.#send("GET", `v1/buttons/${encodeURIComponent(buttonId)}/widget`);
    return response.json();
  }

  /**
   * Opens a call and keeps its token for the requests that follow.
   * @param {string} buttonId
   * @param {CallWish} wish
   * @param {AbortSignal} signal
   * @returns {Promise<CreatedCall>}
   */
  async createCall(buttonId, wish, signal) {
    const path = `v1/buttons/${encodeURIComponent(buttonId)}/calls`;
    const response = await this.#send("POST", path, { ...asJson(wish), signal });
    const call = await response.json();
    this.#token = call.token;
    return call;
  }

  /**
   * @param {string} callId
   * @param {{choice: "accepted" | "refused", notice_hash: string, language: string}} consent
   * @param {AbortSignal} signal
   */
  async consent(callId, consent, signal) {
    await this.#send("POST", `v1/calls/${callId}/consents`, { ...asJson(consent), signal });
  }

  /**
   * Publishes an offer (RFC 9725, 4.2).
   * @param {string} callId
   * @param {string} offer
   * @param {AbortSignal} signal
   * @returns {Promise<Leg>}
   */
  async createLeg(callId, offer, signal) {
    const headers = { "Content-Type": "application/sdp", Accept: "application/sdp" };
    const response = await this.#send("POST", `v1/calls/${callId}/legs`, { body: offer, headers, signal });
    const location = response.headers.get("Location");
    if (!location) throw new CallFailure("bad_answer");
    const answer = await response.text();
    return { url: new URL(location, response.url), etag: response.headers.get("ETag"), answer };
  }

  /**
   * Candidates found after the offer left (RFC 9725, 4.3.1). Useful, never needed: errors stay here.
   * @param {Leg} leg
   * @param {string} fragment
   */
  async trickle(leg, fragment) {
    if (!leg.etag) return;
    const headers = { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": leg.etag };
    try {
      await this.#send("PATCH", leg.url, { body: fragment, headers });
    } catch {
      // The candidates of the offer are usually enough; if not, the connecting deadline says so.
    }
  }

  /**
   * Ends the leg. `keepalive` lets the request outlive the page.
   * @param {Leg} leg
   */
  async endLeg(leg) {
    try {
      await this.#send("DELETE", leg.url, { keepalive: true });
    } catch {
      // The closed peer connection has told the vault already; its deadlines are the last resort.
    }
  }

  /**
   * @param {string} callId
   * @returns {Promise<string>} the call's state as the vault sees it
   */
  async state(callId) {
    const response = await this.#send("GET", `v1/calls/${callId}`);
    return (await response.json()).state;
  }

  /**
   * @param {string} method
   * @param {string | URL} path
   * @param {{body?: string, headers?: Record<string, string>, signal?: AbortSignal, keepalive?: boolean}} [options]
   */
  async #send(method, path, { body, headers = {}, signal, keepalive = false } = {}) {
    /** @type {Record<string, string>} */
    const bearer = this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
    const deadline = withDeadline(signal);
    let response;
    try {
      response = await fetch(new URL(path, this.#base), {
        method,
        body,
        headers: { ...headers, ...bearer },
        credentials: "omit",
        cache: "no-store",
        keepalive,
        signal: deadline.signal,
      });
    } catch (cause) {
      throw new CallFailure(deadline.expired() ? "timeout" : "network", { cause });
    } finally {
      deadline.clear();
    }
    if (!response.ok) throw new CallFailure(await problemCode(response));
    return response;
  }
}

/** @param {unknown} value */
function asJson(value) {
  return { body: JSON.stringify(value), headers: { "Content-Type": "application/json" } };
}

/**
 * The `code` of an RFC 9457 body, or one made from the status.
 * @param {Response} response
 * @returns {Promise<string>}
 */
async function problemCode(response) {
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
function withDeadline(outer) {
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
