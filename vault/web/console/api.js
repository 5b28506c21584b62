// @ts-check
/** Talking to the vault's API, and its problems in plain sentences. */

import { knows, language, t } from "./words.js";

const TIMEOUT_MS = 20_000; // longer than the server's own limits, so its answer wins; shorter than patience

/** An answer that is not a success (RFC 9457), or no answer at all: then the status is 0. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {Record<string, any>} body  the problem document, empty where there was none
   * @param {number} retryAfterS
   */
  constructor(status, body = {}, retryAfterS = 0) {
    super(`HTTP ${status} ${body.code ?? ""}`);
    this.status = status;
    this.code = String(body.code ?? "");
    this.body = body;
    this.retryAfterS = retryAfterS;
  }

  /** What happened and what to do, for a person. */
  get sentence() {
    const byStatus = {
      0: "network",
      401: "unauthenticated",
      403: "forbidden",
      404: "not_found",
      410: "erased",
    };
    const code = knows("problem", this.code) ? this.code : /** @type {any} */ (byStatus)[this.status];
    if (code) return t(`problem.${code}`, { seconds: this.retryAfterS || 5 });
    const instance = this.body.instance;
    return instance ? t("problem.other", { instance }) : t("problem.other_plain");
  }
}

/**
 * One request. JSON in, JSON out; raises Problem for everything else.
 * @param {string} method
 * @param {string} path
 * @param {{body?: object, staySignedOut?: boolean, headers?: Record<string, string>}} [options]
 *   staySignedOut: a 401 is the caller's to explain (the sign-in page)
 * @returns {Promise<{status: number, body: any, headers: Headers}>}
 */
export async function api(method, path, { body, staySignedOut = false, headers = {} } = {}) {
  const answer = await send(method, path, {
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: {
      Accept: "application/json, application/problem+json",
      "Accept-Language": language,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
  });
  const parsed = await answer.json().catch(() => ({}));
  if (answer.ok) return { status: answer.status, body: parsed, headers: answer.headers };
  if (answer.status === 401 && !staySignedOut) goToSignIn("ended");
  throw refusal(answer, parsed);
}

/**
 * A file's exact text, as it is to be kept; raises Problem for everything but a success.
 * @param {string} path
 */
export async function text(path) {
  const answer = await send("GET", path, { headers: { "Accept-Language": language } });
  if (answer.ok) return answer.text();
  if (answer.status === 401) goToSignIn("ended");
  throw refusal(answer, await answer.json().catch(() => ({})));
}

/** @param {Response} answer @param {Record<string, any>} body */
const refusal = (answer, body) =>
  new Problem(answer.status, body, Number(answer.headers.get("Retry-After")) || 0);

/**
 * One request of signalling (RFC 9725): text goes, text comes back; raises Problem for everything else.
 * @param {"POST" | "PATCH" | "DELETE"} method
 * @param {string} path
 * @param {{body?: string, headers?: Record<string, string>, keepalive?: boolean}} [options]
 *   keepalive: the request outlives the page
 * @returns {Promise<{text: string, headers: Headers}>}
 */
export async function signal(method, path, { body, headers = {}, keepalive = false } = {}) {
  const answer = await send(method, path, {
    body,
    keepalive,
    headers: { "Accept-Language": language, ...headers },
  });
  if (answer.ok) return { text: await answer.text(), headers: answer.headers };
  throw refusal(answer, await answer.json().catch(() => ({})));
}

/** @param {string} method @param {string} path @param {RequestInit} options */
async function send(method, path, options) {
  try {
    return await fetch(path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...options,
    });
  } catch {
    throw new Problem(0);
  }
}

/**
 * The sentence for anything caught: problems speak for themselves, a fault of this page is ours.
 * @param {unknown} caught
 */
export function sentenceOf(caught) {
  if (caught instanceof Problem) return caught.sentence;
  console.error(caught);
  return t("problem.other_plain");
}

let elsewhere = ""; // where this page goes on when nobody is signed in any more

/** Go on there instead of at the sign-in page when a session has ended. @param {string} path  empty: as everywhere */
export function onceShutOut(path) {
  elsewhere = path;
}

/**
 * Leave for the sign-in page, which says why and brings the person back here.
 * @param {"ended" | "signed_out"} why
 */
export function goToSignIn(why) {
  if (why === "ended" && elsewhere) return location.replace(elsewhere);
  const query = new URLSearchParams({ why });
  if (why === "ended") query.set("next", location.pathname + location.search);
  location.assign(`/console/login?${query}`);
}
