// @ts-check
/** One peer connection with the vault and the resource that stands for it: a leg (WHIP) or a feed (WHEP). */

import { connected, ConnectionFailure, gathered, sdpFragment } from "../shared/rtc.js";
import { CallFailure } from "./api.js";

/** @typedef {import("./api.js").VaultApi} VaultApi */
/** @typedef {import("./api.js").Resource} Resource */

/** @type {RTCConfiguration} one path for all that is sent and received */
const BUNDLED = Object.freeze({ bundlePolicy: "max-bundle" });
const GATHER_MS = 1500; // host candidates take milliseconds; the wait is for slow STUN or TURN servers
const CONNECT_MS = 20_000; // beyond the vault's own set-up deadline, so its reason comes first

export class Session {
  /** @type {RTCPeerConnection} */
  connection;
  /** @type {VaultApi} */
  #api;
  /** @type {Resource | null} */
  #resource = null;
  /** @type {RTCIceCandidate[]} candidates that came after the offer left */
  #late = [];

  /**
   * @param {VaultApi} api
   * @param {(state: RTCPeerConnectionState) => void} onState
   */
  constructor(api, onState) {
    this.#api = api;
    this.connection = new RTCPeerConnection(BUNDLED);
    this.connection.addEventListener("connectionstatechange", () => onState(this.connection.connectionState));
  }

  /**
   * Offers, takes the answer, and returns when media flows.
   * @param {string} callId
   * @param {(offer: string) => Promise<Resource>} post
   * @param {AbortSignal} signal
   */
  async open(callId, post, signal) {
    this.connection.setConfiguration({ ...BUNDLED, ...(await this.#api.ice(callId, signal)) });
    await this.connection.setLocalDescription();
    await gathered(this.connection, GATHER_MS);
    this.connection.addEventListener("icecandidate", ({ candidate }) => this.#trickle(candidate));
    this.#resource = await post(this.connection.localDescription?.sdp ?? "");
    await this.connection.setRemoteDescription({ type: "answer", sdp: this.#resource.answer });
    this.#trickle(null);
    try {
      await connected(this.connection, CONNECT_MS, signal);
    } catch (cause) {
      const code = cause instanceof ConnectionFailure ? cause.code : "failed";
      throw new CallFailure(`connect_${code}`, { cause });
    }
  }

  /** The last part of the resource's address: the id of the leg or feed; empty before the answer. */
  get id() {
    return this.#resource?.url.pathname.split("/").at(-1) ?? "";
  }

  /** Tells the vault, then closes the connection. Safe to call twice, and from `pagehide`. */
  async close() {
    const resource = this.#resource;
    this.#resource = null;
    if (resource) await this.#api.end(resource);
    this.connection.close();
  }

  /** Closes the connection alone: the vault has ended the resource, or what was lost was not hung up. */
  abandon() {
    this.connection.close();
    this.#resource = null;
  }

  /** @param {RTCIceCandidate | null} candidate null flushes what waited for the resource's address */
  #trickle(candidate) {
    if (candidate) this.#late.push(candidate);
    if (!this.#resource || !this.#late.length) return;
    const fragment = sdpFragment(this.connection.localDescription?.sdp ?? "", this.#late.splice(0));
    void this.#api.trickle(this.#resource, fragment);
  }
}
