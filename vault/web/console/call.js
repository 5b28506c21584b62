// @ts-check
/** One call as its agent has it: devices, the leg that is sent, the feeds that come back. No element is made here. */

import { preferCodecs } from "../shared/rtc.js";
import { Problem, api } from "./api.js";
import { DeviceFailure, openDevices, prefer, preferred } from "./devices.js";
import { Feed } from "./feed.js";
import { ScreenShare } from "./share.js";
import { Wire } from "./wire.js";

const AGAIN_MS = [500, 1000, 2000, 4000, 8000]; // between attempts to send again; then the last of them
const PATIENCE_MS = 4000; // a lift door takes less; a connection that broke does not come back by itself
const UNWISHED = ["silent", "consent_lost", "setup_timeout", "handshake_failed", "failed", "shutdown", "interrupted"];
const OUT = [403, 404, 410]; // answers to whoever has no part in the call
const CONFLICT = 409; // it has ended; or the leg before is still being stored

/**
 * @typedef {import("./feed.js").Leg} Leg
 * @typedef {import("./devices.js").Kind} Kind
 * @typedef {"devices" | "blocked" | "connecting" | "live" | "again" | "ended"} Phase
 * @typedef {{call: any, card: any | null}} Taken
 */

/** @typedef {{state: string, pause: {id: string, since: string} | null}} Recording */
/** Dispatches "change" whenever something a person could see has changed. */
export class Call extends EventTarget {
  /** @type {Phase} */ phase = "devices";
  /** @type {string} why devices are blocked, or why the call ended */ reason = "";
  isMuted = false;
  /** @type {any} whom one asked to take it over or to join, last */ ask = null;
  /** @type {Map<string, Feed>} by leg */ feeds = new Map();
  /** @type {MediaStream} what is sent */ stream = new MediaStream();
  /** @type {number} on the page's clock, 0 before the first sound */ liveSince = 0;
  /** @type {number} */ lastedMs = 0;
  /** @type {string} the loudspeaker that was chosen, if one was */ speaker = preferred().speaker ?? "";
  /** @type {import("./devices.js").Facing | ""} of a phone's cameras, once it was turned */ facing = "";
  /** @type {Partial<Record<Kind, string>>} */ chosen = {};
  /** @type {Wire | null} */ #wire = null;
  /** @type {Wire | null} what is to take its place, also between two tries */ #fresh = null;
  #attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #patience;
  #online = () => void this.reconcile();

  /** @param {Taken} taken */
  constructor({ call, card }) {
    super();
    this.id = String(call.id);
    this.call = call;
    this.card = card;
    this.share = new ScreenShare(this.id);
    this.share.addEventListener("change", () => this.changed());
    /** @type {Recording | null} */ this.recording = call.recording ?? null;
    this.pauseReminders = 0;
    this.wantsVideo = (card?.media ?? call.media ?? []).includes("video");
  }

  get isOver() {
    return this.phase === "ended";
  }

  get hasCamera() {
    return this.stream.getVideoTracks().some((track) => track.readyState === "live");
  }

  /** The connection that sends, for its statistics. */
  get connection() {
    return this.#wire?.connection ?? null;
  }

  /** Open the devices, then join. @param {{video: boolean}} wish */
  async begin({ video } = { video: this.wantsVideo }) {
    this.#turn("devices");
    try {
      this.stream = await openDevices({ audio: true, video }, this.chosen);
    } catch (caught) {
      this.#turn("blocked", caught instanceof DeviceFailure ? caught.code : "unknown");
      return;
    }
    if (this.isOver) {
      this.#closeDevices();
      return;
    }
    for (const track of this.stream.getTracks()) track.addEventListener("ended", () => this.changed());
    this.#turn("connecting");
    addEventListener("online", this.#online); // another network: what looks connected may be dead
    await this.#join();
  }

  /** Open a leg. The one before is let go of when the new one stands: no word of ours ends its recording. */
  async #join() {
    const wire = this.#newWire();
    this.#fresh = wire;
    try {
      await wire.open();
      this.#wire?.close({ tell: false });
      this.#wire = wire;
      await this.#watchAll();
    } catch (caught) {
      if (wire !== this.#wire) wire.close({ tell: false });
      if (this.isOver || wire !== this.#fresh) return;
      const isOut = await this.#isOut(caught);
      if (this.isOver || wire !== this.#fresh) return;
      if (isOut) this.finish("gone");
      else this.#again();
      return;
    }
    if (this.isOver) return;
    this.#fresh = null;
    this.#attempt = 0;
    this.liveSince ||= performance.now();
    this.#turn("live");
  }

  /**
   * Whether there is no call to come back to. A conflict alone does not say so: the vault is asked, and a vault that
   * does not answer is no end.
   * @param {unknown} caught
   */
  async #isOut(caught) {
    if (!(caught instanceof Problem)) return false;
    if (caught.status !== CONFLICT) return OUT.includes(caught.status);
    try {
      const { body } = await api("GET", `/v1/calls/${this.id}`);
      if (body.ended_at) return true;
      await api("GET", `/v1/calls/${this.id}/legs`); // who gave it back, or over, is told of none
      return false;
    } catch (asked) {
      return asked instanceof Problem && OUT.includes(asked.status);
    }
  }

  #newWire() {
    const wire = new Wire(`/v1/calls/${this.id}/legs`, this.id, (state) => {
      if (wire === this.#wire && !this.isOver && !this.#fresh) this.#follow(state);
    });
    const kinds = /** @type {Kind[]} */ (this.wantsVideo ? ["audio", "video"] : ["audio"]);
    for (const kind of kinds) {
      const track = this.stream.getTracks().find((one) => one.kind === kind);
      const way = { direction: /** @type {const} */ ("sendonly"), streams: [this.stream] };
      preferCodecs(wire.connection.addTransceiver(track ?? kind, way), kind);
    }
    return wire;
  }

  /** @param {RTCPeerConnectionState} state of the leg that is sent */
  #follow(state) {
    clearTimeout(this.#patience);
    if (state === "connected" && this.phase === "again") this.#turn("live");
    if (state === "disconnected" && this.phase === "live") {
      this.#turn("again");
      this.#patience = setTimeout(() => this.#again(), PATIENCE_MS);
    }
    if (state === "failed") this.#again();
  }

  /** Send anew: the old leg is lost, the call is the same. */
  async #again() {
    clearTimeout(this.#patience);
    if (this.isOver) return;
    this.#turn("again");
    const waitMs = AGAIN_MS[Math.min(this.#attempt++, AGAIN_MS.length - 1)];
    await new Promise((later) => setTimeout(later, waitMs));
    if (!this.isOver) await this.#join();
  }

  /** Watch whoever is in the call by now, and nobody else. */
  async #watchAll() {
    const { body } = await api("GET", `/v1/calls/${this.id}/legs`);
    if (this.isOver) return;
    const isThere = body.items.some((/** @type {any} */ leg) => leg.id === this.#wire?.id);
    const isElsewhere = body.items.some((/** @type {any} */ leg) => leg.mine && leg.kind === "camera");
    if (!isThere && this.phase === "live" && isElsewhere) return this.finish("elsewhere");
    if (!isThere && this.phase === "live") this.#again(); // the vault was away, and knows of no leg of ours
    const others = body.items.filter((/** @type {any} */ leg) => !leg.mine && leg.state !== "ended");
    const ids = new Set(others.map((/** @type {Leg} */ leg) => leg.id));
    for (const id of this.feeds.keys()) if (!ids.has(id)) this.legEnded(id);
    for (const leg of others) this.legJoined(leg);
  }

  /** After the event stream told everything anew. */
  async reconcile() {
    await this.#watchAll().catch(() => {});
    if (this.recording) await this.lookAtRecording().catch(() => {});
  }

  /** Ask whether the call is recorded. */
  async lookAtRecording() {
    const { body } = await api("GET", `/v1/calls/${this.id}`);
    this.recordingChanged(body.recording);
  }

  /** @param {Recording} told */
  recordingChanged({ state, pause }) {
    this.recording = { state, pause };
    this.changed();
  }

  /** It has been paused for long: somebody may have forgotten. */
  pauseIsLong() {
    this.pauseReminders++;
    this.changed();
  }

  /** @param {Leg} leg */
  legJoined(leg) {
    if (this.isOver || !this.#wire || this.#isMine(leg) || this.feeds.has(leg.id)) return;
    this.feeds.set(leg.id, new Feed(this.id, leg, () => this.changed()));
    this.changed();
  }

  /** @param {Leg} leg */
  #isMine({ id }) {
    return id === this.#wire?.id || id === this.#fresh?.id || id === this.share.legId;
  }

  /** @param {string} legId @param {string} [reason] */
  legEnded(legId, reason = "") {
    if (legId === this.#wire?.id) this.#ownEnded(reason);
    this.feeds.get(legId)?.close();
    if (this.feeds.delete(legId)) this.changed();
  }

  /**
   * The leg that is sent has ended. Where another page of the same person has replaced it, nothing is made anew: the
   * two would take the call from each other for ever.
   * @param {string} reason
   */
  #ownEnded(reason) {
    if (reason === "replaced" && !this.#fresh) this.finish("elsewhere");
    else if (this.phase === "live" && UNWISHED.includes(reason)) this.#again();
  }

  /** What became of a colleague who was asked; a call that was handed over is over here. @param {any} told */
  asked(told) {
    this.ask = told;
    if (told?.purpose === "transfer" && told.state === "done") this.finish("transferred");
    else this.changed();
  }

  /** @param {boolean} isMuted */
  mute(isMuted) {
    this.isMuted = isMuted;
    for (const track of this.stream.getAudioTracks()) track.enabled = !isMuted;
    this.changed();
  }

  /** Off ends the track, so that the camera's light goes out. @param {boolean} on */
  async turnCamera(on) {
    if (on) await this.choose("video", this.chosen.video ?? "");
    else await this.#replace("video", null);
  }

  /**
   * Send from another device.
   * @param {Kind} kind
   * @param {string} deviceId
   * @throws {DeviceFailure}
   */
  async choose(kind, deviceId) {
    if (deviceId) this.chosen[kind] = deviceId;
    if (deviceId && kind === "video") this.facing = "";
    await this.#open(kind);
    if (deviceId) prefer({ [kind]: deviceId });
  }

  /**
   * The other camera of a phone. Most open only one at a time: the one in use is shut first, and is back if the other
   * does not open.
   * @throws {DeviceFailure}
   */
  async flip() {
    const { facing, chosen } = this;
    this.facing = facing === "environment" ? "user" : "environment";
    this.chosen = { ...chosen, video: "" };
    await this.#replace("video", null);
    try {
      await this.#open("video");
    } catch (caught) {
      Object.assign(this, { facing, chosen });
      await this.#open("video");
      throw caught;
    }
  }

  /** @param {Kind} kind */
  async #open(kind) {
    const opened = await openDevices({ [kind]: true }, this.chosen, this.facing);
    const [track] = opened.getTracks();
    if (this.isOver) track.stop();
    else await this.#replace(kind, track);
  }

  /** @param {Kind} kind @param {MediaStreamTrack | null} track */
  async #replace(kind, track) {
    for (const old of this.stream.getTracks().filter((one) => one.kind === kind)) {
      this.stream.removeTrack(old);
      old.stop();
    }
    if (track) {
      if (kind === "audio") track.enabled = !this.isMuted;
      track.addEventListener("ended", () => this.changed());
      this.stream.addTrack(track);
    }
    const isKind = (/** @type {RTCRtpTransceiver} */ one) => one.receiver.track.kind === kind;
    await this.#wire?.connection.getTransceivers().find(isKind)?.sender.replaceTrack(track);
    this.changed();
  }

  hangUp() {
    this.finish("by_me");
  }

  /** The call is over, whoever ended it. @param {string} reason */
  finish(reason) {
    if (this.isOver) return;
    this.lastedMs = this.liveSince ? performance.now() - this.liveSince : 0;
    this.share.stop();
    clearTimeout(this.#patience);
    removeEventListener("online", this.#online);
    this.#fresh?.close();
    this.#wire?.close();
    for (const feed of this.feeds.values()) feed.close();
    this.feeds.clear();
    this.#closeDevices();
    this.#turn("ended", reason);
  }

  #closeDevices() {
    for (const track of this.stream.getTracks()) track.stop();
  }

  /** @param {Phase} phase @param {string} [reason] */
  #turn(phase, reason = "") {
    this.phase = phase;
    this.reason = reason;
    this.changed();
  }

  /** Tell whoever shows it. */
  changed() {
    this.dispatchEvent(new Event("change"));
  }
}
