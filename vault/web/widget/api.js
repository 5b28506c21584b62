// @ts-check
/** The vault's HTTP interface, as far as a visitor needs it. One object per call: it holds the call's token. */

import { asJson, CallFailure, problemCode, withDeadline } from "./request.js";

export { CallFailure } from "./request.js";

/** @typedef {"audio" | "video"} Medium */
/**
 * What the visitor is told before anything is kept. `hash` binds the consent to this text.
 * @typedef {{version: string | number, hash: string, language: string, tenant_name: string, purpose: string,
 *   retention_days: number, records: Medium[], text: string}} Notice
 */
/**
 * @typedef {{id: string, state: string, token: string, token_expires_at: string, notice: Notice,
 *   ice_servers: RTCIceServer[], ice_transport_policy: RTCIceTransportPolicy}} CreatedCall
 */
/** @typedef {{label: {fr: string, en: string}, media: Medium[], tenant_name: string, languages: string[]}} ButtonInfo */
/** @typedef {{url: URL, etag: string | null, answer: string}} Resource  a leg or a feed */
/** @typedef {{id: string, role: string, kind: "camera" | "screen", name: string | null, state: string, mine: boolean}} Leg */
/** @typedef {{id: string, n: number, name: string, mine: boolean, at: string, text: string, kept: boolean}} Message */
/**
 * @typedef {{language: string, media: Medium[], visitor?: Record<string, string>, visitor_token?: string,
 *   page_url?: string}} CallWish
 */

const ICE_GOOD_MS = 5 * 60_000; // half of the shortest life that the vault may give a relay's credential

export class VaultApi {
  /** @type {string | null} */
  #token = null;
  /** @type {URL} */
  #base;
  /** @type {RTCConfiguration} */
  #ice = {};
  #iceGoodUntil = 0;
  #ownLink = "";

  /** @param {URL} base the folder that holds widget.js, so a vault under a path prefix works too */
  constructor(base) {
    this.#base = base;
  }

  /**
   * @param {string} buttonId
   * @returns {Promise<ButtonInfo>}
   */
  async button(buttonId) {
    const link = linkOf(buttonId);
    const response = link
      ? await this.#send("POST", `v1/invitations/${link.id}/looks`, asJson({ secret: link.secret }))
      : await this.#send("GET", `v1/buttons/${encodeURIComponent(buttonId)}/widget`);
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
    const link = linkOf(buttonId);
    const path = link ? `v1/invitations/${link.id}/calls` : `v1/buttons/${encodeURIComponent(buttonId)}/calls`;
    const asked = link ? { secret: link.secret, language: wish.language, media: wish.media } : wish;
    const response = await this.#send("POST", path, { ...asJson(asked), signal });
    const call = await response.json();
    this.#token = call.token;
    this.#hold(call);
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
   * Tells how to connect: through which relays, and whether through them alone. A credential ages.
   * @param {string} callId
   * @param {AbortSignal} signal
   * @returns {Promise<RTCConfiguration>}
   */
  async ice(callId, signal) {
    if (Date.now() > this.#iceGoodUntil) {
      const response = await this.#send("GET", `v1/calls/${callId}/ice-servers`, { signal });
      this.#hold(await response.json());
    }
    return this.#ice;
  }

  /** @param {{ice_servers?: RTCIceServer[], ice_transport_policy?: RTCIceTransportPolicy}} told */
  #hold({ ice_servers: iceServers = [], ice_transport_policy: iceTransportPolicy = "all" }) {
    this.#ice = { iceServers, iceTransportPolicy };
    this.#iceGoodUntil = Date.now() + ICE_GOOD_MS;
  }

  /**
   * Takes the consent back, during the call or after it.
   * @param {string} callId
   * @returns {Promise<{state: string, recorded: "erase" | "keep"}>}
   */
  async withdraw(callId) {
    const response = await this.#send("POST", `v1/calls/${callId}/consents/withdrawal`);
    return response.json();
  }

  /**
   * Made once: a second link would take the first one out of use.
   * @param {string} callId
   * @returns {Promise<string>} the address of the visitor's own page
   */
  async ownLink(callId) {
    if (this.#ownLink) return this.#ownLink;
    const response = await this.#send("POST", `v1/calls/${callId}/own-link`);
    return (this.#ownLink = (await response.json()).url);
  }

  /**
   * Publishes an offer (RFC 9725, 4.2).
   * @param {string} callId
   * @param {string} offer
   * @param {AbortSignal} signal
   * @param {"camera" | "screen"} [kind]
   */
  createLeg(callId, offer, signal, kind = "camera") {
    return this.#exchange(`v1/calls/${callId}/legs?kind=${kind}`, offer, signal);
  }

  /**
   * Asks for what somebody else publishes.
   * @param {string} callId
   * @param {string} legId
   * @param {string} offer
   * @param {AbortSignal} signal
   */
  createFeed(callId, legId, offer, signal) {
    return this.#exchange(`v1/calls/${callId}/legs/${legId}/feeds`, offer, signal);
  }

  /**
   * @param {string} callId
   * @returns {Promise<Leg[]>} everybody who is in the call
   */
  async legs(callId) {
    const response = await this.#send("GET", `v1/calls/${callId}/legs`);
    return (await response.json()).items;
  }

  /**
   * @param {string} callId
   * @param {{key: string, text: string}} message the same key again is the same message
   */
  async write(callId, message) {
    await this.#send("POST", `v1/calls/${callId}/messages`, asJson(message));
  }

  /**
   * @param {string} callId
   * @param {number} after the place of the last one that is known
   * @param {number} limit so many at most: as many may mean that there are more
   * @returns {Promise<Message[]>}
   */
  async messages(callId, after, limit) {
    const response = await this.#send("GET", `v1/calls/${callId}/messages?after=${after}&limit=${limit}`);
    return (await response.json()).items;
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<string>} good once, and for seconds
   */
  async eventTicket(signal) {
    const response = await this.#send("POST", "v1/events/tickets", { signal });
    return (await response.json()).ticket;
  }

  /**
   * @param {number} after the last event that was heard
   * @returns {URL} of the web socket
   */
  eventsUrl(after) {
    const url = new URL(`v1/events?after=${after}`, this.#base);
    url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
    return url;
  }

  /**
   * Candidates found after the offer left (RFC 9725, 4.3.1). Useful, never needed: errors stay here.
   * @param {Resource} resource
   * @param {string} fragment
   */
  async trickle(resource, fragment) {
    if (!resource.etag) return;
    const headers = { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": resource.etag };
    try {
      await this.#send("PATCH", resource.url, { body: fragment, headers });
    } catch {
      // The candidates of the offer are usually enough; if not, the connecting deadline says so.
    }
  }

  /**
   * Ends a leg or a feed. `keepalive` lets the request outlive the page.
   * @param {Resource} resource
   */
  async end(resource) {
    try {
      await this.#send("DELETE", resource.url, { keepalive: true });
    } catch {
      // The closed peer connection has told the vault already; its deadlines are the last resort.
    }
  }

  /**
   * @param {string} callId
   * @returns {Promise<{state: string, end_reason?: string | null, recording?: {state: string, on_withdrawal: "erase" | "keep"}}>} the call as the vault sees it
   */
  async call(callId) {
    const response = await this.#send("GET", `v1/calls/${callId}`);
    return response.json();
  }

  /**
   * @param {string} path
   * @param {string} offer
   * @param {AbortSignal} signal
   * @returns {Promise<Resource>}
   */
  async #exchange(path, offer, signal) {
    const headers = { "Content-Type": "application/sdp", Accept: "application/sdp" };
    const response = await this.#send("POST", path, { body: offer, headers, signal });
    const location = response.headers.get("Location");
    if (!location) throw new CallFailure("bad_answer");
    const answer = await response.text();
    return { url: new URL(location, response.url), etag: response.headers.get("ETag"), answer };
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

/**
 * On the page of a call-back link the button is that link: `inv_…#secret`.
 * @param {string} buttonId
 */
function linkOf(buttonId) {
  const [id, secret] = buttonId.split("#");
  return id.startsWith("inv_") ? { id: encodeURIComponent(id), secret: secret ?? "" } : null;
}
