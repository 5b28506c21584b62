// @ts-check
/** One peer connection that publishes the visitor's tracks to the vault (RFC 9725, WHIP). */

import { CallFailure } from "./api.js";

/** @typedef {import("./api.js").VaultApi} VaultApi */
/** @typedef {import("./api.js").Leg} Leg */

const GATHER_MS = 1500; // host candidates take milliseconds; the wait is for slow STUN or TURN servers
const CONNECT_MS = 20_000; // beyond the vault's own set-up deadline, so its reason comes first

/** What the vault records without a decoder, best first. Other codecs stay offered behind them. */
const PREFERRED = Object.freeze({ audio: ["audio/opus"], video: ["video/VP8", "video/H264"] });

export class Publisher {
  /** @type {VaultApi} */
  #api;
  /** @type {RTCPeerConnection} */
  #connection;
  /** @type {Leg | null} */
  #leg = null;
  /** @type {RTCIceCandidate[]} candidates that came after the offer left */
  #late = [];

  /**
   * @param {VaultApi} api
   * @param {RTCIceServer[]} iceServers
   * @param {MediaStream} stream
   * @param {(state: RTCPeerConnectionState) => void} onState
   */
  constructor(api, iceServers, stream, onState) {
    this.#api = api;
    this.#connection = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    for (const track of stream.getTracks()) {
      const transceiver = this.#connection.addTransceiver(track, {
        direction: "sendonly",
        streams: [stream],
      });
      preferCodecs(transceiver, track.kind === "video" ? "video" : "audio");
    }
    this.#connection.addEventListener("connectionstatechange", () =>
      onState(this.#connection.connectionState),
    );
  }

  /**
   * Offers, takes the answer, and returns when media flows.
   * @param {string} callId
   * @param {AbortSignal} signal
   */
  async start(callId, signal) {
    await this.#connection.setLocalDescription();
    await gathered(this.#connection, GATHER_MS);
    this.#connection.addEventListener("icecandidate", ({ candidate }) => this.#trickle(candidate));
    const offer = this.#connection.localDescription?.sdp ?? "";
    this.#leg = await this.#api.createLeg(callId, offer, signal);
    await this.#connection.setRemoteDescription({ type: "answer", sdp: this.#leg.answer });
    this.#trickle(null);
    await connected(this.#connection, CONNECT_MS, signal);
  }

  /** Sends another camera track, or none.
   * @param {MediaStreamTrack | null} track
   */
  async replaceVideo(track) {
    const isVideo = (/** @type {RTCRtpTransceiver} */ one) => one.receiver.track.kind === "video";
    await this.#connection.getTransceivers().find(isVideo)?.sender.replaceTrack(track);
  }

  /** Closes the connection and tells the vault. Safe to call twice, and from `pagehide`. */
  async close() {
    this.#connection.close();
    const leg = this.#leg;
    this.#leg = null;
    if (leg) await this.#api.endLeg(leg);
  }

  /** @param {RTCIceCandidate | null} candidate null flushes what waited for the leg's address */
  #trickle(candidate) {
    if (candidate) this.#late.push(candidate);
    if (!this.#leg || !this.#late.length) return;
    const fragment = sdpFragment(this.#connection.localDescription?.sdp ?? "", this.#late.splice(0));
    void this.#api.trickle(this.#leg, fragment);
  }
}

/**
 * @param {RTCRtpTransceiver} transceiver
 * @param {"audio" | "video"} kind
 */
function preferCodecs(transceiver, kind) {
  const offered = RTCRtpReceiver.getCapabilities?.(kind)?.codecs;
  if (!offered || !transceiver.setCodecPreferences) return;
  const rank = (/** @type {{mimeType: string}} */ codec) => {
    const at = PREFERRED[kind].findIndex((name) => name.toLowerCase() === codec.mimeType.toLowerCase());
    return at < 0 ? PREFERRED[kind].length : at;
  };
  transceiver.setCodecPreferences([...offered].sort((one, other) => rank(one) - rank(other)));
}

/**
 * @param {RTCPeerConnection} connection
 * @param {number} limitMs
 * @returns {Promise<void>}
 */
function gathered(connection, limitMs) {
  return new Promise((resolve) => {
    const done = () => {
      if (connection.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(resolve, limitMs);
    connection.addEventListener("icegatheringstatechange", done);
    done();
  });
}

/**
 * @param {RTCPeerConnection} connection
 * @param {number} limitMs
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function connected(connection, limitMs, signal) {
  return new Promise((resolve, reject) => {
    const settle = (/** @type {() => void} */ outcome) => {
      clearTimeout(timer);
      connection.removeEventListener("connectionstatechange", look);
      outcome();
    };
    const look = () => {
      const state = connection.connectionState;
      if (state === "connected") settle(resolve);
      if (state === "failed") settle(() => reject(new CallFailure("connect_failed")));
    };
    const timer = setTimeout(() => settle(() => reject(new CallFailure("connect_timeout"))), limitMs);
    signal.addEventListener("abort", () => settle(() => reject(new CallFailure("cancelled"))), {
      once: true,
    });
    connection.addEventListener("connectionstatechange", look);
    look();
  });
}

/**
 * An SDP fragment (RFC 8840, 9) that carries the candidates under the m-line they belong to.
 * @param {string} sdp the local description
 * @param {RTCIceCandidate[]} candidates
 */
export function sdpFragment(sdp, candidates) {
  const line = (/** @type {string} */ start) => sdp.split("\r\n").find((one) => one.startsWith(start)) ?? "";
  const medias = sdp.split("\r\n").filter((one) => one.startsWith("m="));
  const fragment = [line("a=ice-ufrag:"), line("a=ice-pwd:")];
  for (const [index, media] of medias.entries()) {
    const own = candidates.filter(({ sdpMLineIndex }) => sdpMLineIndex === index);
    if (!own.length) continue;
    fragment.push(media, `a=mid:${own[0].sdpMid}`, ...own.map(({ candidate }) => `a=${candidate}`));
  }
  return [...fragment, ""].join("\r\n");
}
