// @ts-check
/** One peer connection with the vault: offer, answer, candidates, end (RFC 9725 and its mirror, WHEP). */

import { connected, ConnectionFailure, gathered, sdpFragment } from "../shared/rtc.js";
import { signal } from "./api.js";
import { iceOf } from "./ice.js";

/** @type {RTCConfiguration} one path for all that is sent and received */
const BUNDLED = Object.freeze({ bundlePolicy: "max-bundle" });
const GATHER_MS = 1500; // host candidates take milliseconds; the wait is for slow STUN or TURN servers
const CONNECT_MS = 20_000; // beyond the vault's own set-up deadline, so its reason comes first

/** What is the same for a leg (sends) and a feed (receives); what goes over it, the caller puts in. */
export class Wire {
  #path;
  #callId;
  #location = "";
  #etag = "";
  #giveUp = new AbortController();
  /** @type {RTCIceCandidate[]} candidates that came after the offer left */
  #late = [];

  /**
   * @param {string} path  where the offer is posted
   * @param {string} callId
   * @param {(state: RTCPeerConnectionState) => void} onState
   */
  constructor(path, callId, onState) {
    this.#path = path;
    this.#callId = callId;
    this.connection = new RTCPeerConnection(BUNDLED);
    this.connection.addEventListener("connectionstatechange", () =>
      onState(this.connection.connectionState),
    );
  }

  /** The last part of the path the vault gave it: the id of the leg or of the feed. */
  get id() {
    return this.#location.split("/").at(-1) ?? "";
  }

  /**
   * Offers, takes the answer, and returns when media can flow.
   * @throws {ConnectionFailure | import("./api.js").Problem}
   */
  async open() {
    const { connection } = this;
    connection.setConfiguration({ ...BUNDLED, ...(await iceOf(this.#callId)) });
    await connection.setLocalDescription();
    await gathered(connection, GATHER_MS);
    connection.addEventListener("icecandidate", ({ candidate }) => this.#trickle(candidate));
    const { text, headers } = await signal("POST", this.#path, {
      body: connection.localDescription?.sdp ?? "",
      headers: { "Content-Type": "application/sdp" },
    });
    this.#location = headers.get("Location") ?? "";
    this.#etag = headers.get("ETag") ?? "";
    if (this.#giveUp.signal.aborted) {
      this.#end();
      throw new ConnectionFailure("cancelled");
    }
    await connection.setRemoteDescription({ type: "answer", sdp: text });
    this.#trickle(null);
    await connected(connection, CONNECT_MS, this.#giveUp.signal);
  }

  /**
   * Close it. Safe to call twice, and while the page goes away.
   * @param {{tell: boolean}} [how]  whether the vault is told, or ends it by itself with what it hangs from
   */
  close({ tell } = { tell: true }) {
    if (this.#giveUp.signal.aborted) return;
    this.#giveUp.abort();
    this.connection.close();
    if (tell) this.#end();
  }

  #end() {
    const location = this.#location;
    this.#location = "";
    // Where this does not arrive the vault notices the silence by itself.
    if (location) signal("DELETE", location, { keepalive: true }).catch(() => {});
  }

  /** @param {RTCIceCandidate | null} candidate  null flushes what waited for the address */
  #trickle(candidate) {
    if (candidate) this.#late.push(candidate);
    if (!this.#location || !this.#late.length) return;
    const body = sdpFragment(this.connection.localDescription?.sdp ?? "", this.#late.splice(0));
    const headers = { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": this.#etag };
    signal("PATCH", this.#location, { body, headers }).catch(() => {}); // the others may do without it
  }
}
