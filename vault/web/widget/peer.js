// @ts-check
/** Publishes the visitor's tracks to the vault as a leg of the call (RFC 9725, WHIP). */

import { preferCodecs } from "../shared/rtc.js";
import { Session } from "./session.js";

const KINDS = /** @type {const} */ (["audio", "video"]);

export class Publisher {
  #api;
  #session;
  #stream;

  /**
   * @param {import("./api.js").VaultApi} api
   * @param {MediaStream} stream
   * @param {boolean} video whether a picture may be sent, now or once the camera is on
   * @param {(state: RTCPeerConnectionState) => void} onState
   */
  constructor(api, stream, video, onState) {
    this.#api = api;
    this.#stream = stream;
    this.#session = new Session(api, onState);
    this.#send("audio", stream.getAudioTracks()[0], stream);
    if (video) this.#send("video", stream.getVideoTracks()[0], stream);
  }

  /** @returns {RTCPeerConnection} to be looked at, not to be changed */
  get connection() {
    return this.#session.connection;
  }

  /** The leg's id. */
  get id() {
    return this.#session.id;
  }

  /**
   * @param {string} callId
   * @param {AbortSignal} signal
   */
  async start(callId, signal) {
    await this.#session.open(callId, (offer) => this.#api.createLeg(callId, offer, signal), signal);
    for (const kind of KINDS) await this.#keepUp(kind);
  }

  /** A device that changed while the connection was made. @param {"audio" | "video"} kind */
  async #keepUp(kind) {
    const track = this.#stream.getTracks().find((one) => one.kind === kind) ?? null;
    const sender = this.#sender(kind);
    if (sender && sender.track !== track) await sender.replaceTrack(track);
  }

  /**
   * Sends another track, or none.
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track
   */
  async replace(kind, track) {
    await this.#sender(kind)?.replaceTrack(track);
  }

  /** @param {"audio" | "video"} kind */
  #sender(kind) {
    const isKind = (/** @type {RTCRtpTransceiver} */ one) => one.receiver.track.kind === kind;
    return this.connection.getTransceivers().find(isKind)?.sender;
  }

  /** Ends the leg. Safe to call twice, and from `pagehide`. */
  close() {
    return this.#session.close();
  }

  /** Lets go of a leg that was lost, without hanging up. */
  abandon() {
    this.#session.abandon();
  }

  /**
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | undefined} track none: a camera that is off, or was not asked for, may come on later
   * @param {MediaStream} stream
   */
  #send(kind, track, stream) {
    const options = { direction: /** @type {const} */ ("sendonly"), streams: [stream] };
    preferCodecs(this.connection.addTransceiver(track ?? kind, options), kind);
  }
}
