// @ts-check
/**
 * One visitor's visit to their own call: the link's secret becomes a token, the token opens the rest.
 *
 * The secret is held in memory only. The token, good for half an hour and for no part of a call, is kept with
 * the tab, so that a page that was loaded anew is still there.
 */

import { asJson, CallFailure, problemCode, withDeadline } from "../widget/request.js";

/** @typedef {"nothing" | "being_made" | "kept" | "being_erased" | "erased"} KeptState */
/**
 * @typedef {{side: "visitor" | "agent" | "both", kind: "camera" | "screen" | "copy", state: KeptState,
 *   duration_ms: number | null, retain_until: string, erased_at: string | null}} Item
 */
/**
 * @typedef {{id: string, reason: string, requested_at: string, completed_at: string | null,
 *   receipt_url: string | null}} Asked
 */
/**
 * @typedef {{call_id: string, tenant_name: string, state: string, created_at: string, ended_at: string | null,
 *   consent: "accepted" | "refused" | "withdrawn" | null, records: boolean, on_withdrawal: "erase" | "keep",
 *   items: Item[], chat: KeptState, details: KeptState, retain_until: string | null, erased_at: string | null,
 *   requests: Asked[]}} Kept
 */

const EXPIRED = Object.freeze(["token_refused", "unauthenticated"]);

export class Visit {
  #callId;
  /** @type {string} from the link; empty where the page was opened without it */
  #secret;
  #token;

  /**
   * @param {string} callId
   * @param {string} secret a link that is opened anew makes a visit of its own
   */
  constructor(callId, secret) {
    this.#callId = callId;
    this.#secret = secret;
    this.#token = secret ? "" : stored(callId);
  }

  /** Whether there is anything to come in with. */
  get canBegin() {
    return Boolean(this.#secret || this.#token);
  }

  /** @returns {Promise<Kept>} */
  async kept() {
    return (await this.#ask("GET", `/v1/calls/${this.#callId}/kept`)).json();
  }

  async withdraw() {
    await this.#ask("POST", `/v1/calls/${this.#callId}/consents/withdrawal`);
  }

  async erase() {
    await this.#ask("POST", `/v1/calls/${this.#callId}/erasure`);
  }

  /**
   * @param {string} url
   * @returns {Promise<Blob>}
   */
  async receipt(url) {
    return (await this.#ask("GET", url)).blob();
  }

  /**
   * Asks with the token, and with a new one where the link can make it.
   * @param {string} method
   * @param {string} path
   */
  async #ask(method, path) {
    if (!this.#token) await this.#begin();
    try {
      return await send(method, path, { Authorization: `Bearer ${this.#token}` });
    } catch (caught) {
      if (!(caught instanceof CallFailure) || !EXPIRED.includes(caught.code)) throw caught;
      this.#keep("");
      if (!this.#secret) throw new CallFailure("visit_over");
      await this.#begin();
      return send(method, path, { Authorization: `Bearer ${this.#token}` });
    }
  }

  async #begin() {
    const { body, headers } = asJson({ secret: this.#secret });
    const response = await send("POST", `/v1/calls/${this.#callId}/visits`, headers, body);
    this.#keep((await response.json()).token);
  }

  /** @param {string} token */
  #keep(token) {
    this.#token = token;
    try {
      if (token) sessionStorage.setItem(this.#callId, token);
      else sessionStorage.removeItem(this.#callId);
    } catch {
      // A browser that stores nothing: the visit lasts as long as the page does.
    }
  }
}

/** @param {string} callId */
function stored(callId) {
  try {
    return sessionStorage.getItem(callId) ?? "";
  } catch {
    return "";
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Record<string, string>} headers
 * @param {string} [body]
 */
async function send(method, path, headers, body) {
  const deadline = withDeadline();
  let response;
  try {
    response = await fetch(path, { method, headers, body, credentials: "omit", cache: "no-store", signal: deadline.signal });
  } catch (cause) {
    throw new CallFailure(deadline.expired() ? "timeout" : "network", { cause });
  } finally {
    deadline.clear();
  }
  if (!response.ok) throw new CallFailure(await problemCode(response));
  return response;
}
