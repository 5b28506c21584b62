// @ts-check
/** The visitor's own leg, kept up: when the network breaks, a new one is opened on the same call. */

import { CallFailure } from "./api.js";
import { GONE, SILENCE, UNWISHED } from "./codes.js";
import { pause } from "./events.js";
import { Publisher } from "./peer.js";
import { QualityWatch } from "./quality.js";

/**
 * good           media flows
 * weak           media flows, but much of it is lost or late
 * interrupted    nothing gets through; may come back by itself
 * reconnecting   a new connection is being made
 * @typedef {"good" | "weak" | "interrupted" | "reconnecting"} Health
 */

const PATIENCE_MS = 4000; // a lift door takes less; a connection that broke does not come back by itself
const REJOIN_FOR_MS = 60_000; // longer than the vault keeps a place: it says itself when that is over
const AWAY_FOR_MS = 300_000; // a vault that does not answer at all is being started again, or is gone
const AGAIN_MS = 1500;
const SAMPLE_MS = 2000;
const WEAK_SAMPLES = 2; // in a row: one bad second is no news

export class Line {
  #api;
  #callId;
  #stream;
  #video;
  #tell;
  /** @type {Publisher} */
  #publisher;
  /** @type {Health} */
  #health = "good";
  #stop = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #sampling;
  #quality = new QualityWatch();
  #weakInARow = 0;
  #online = () => void this.verify();

  /**
   * @param {{api: import("./api.js").VaultApi, callId: string,
   *   stream: MediaStream, video: boolean}} call
   * @param {{health: (health: Health) => void, ended: (reason: string) => void, lost: () => void,
   *   restored: () => void, incoming: () => RTCPeerConnection[]}} tell
   */
  constructor({ api, callId, stream, video }, tell) {
    this.#api = api;
    this.#callId = callId;
    this.#stream = stream;
    this.#video = video;
    this.#tell = tell;
    this.#publisher = this.#make();
  }

  /** @param {AbortSignal} signal */
  async open(signal) {
    await this.#publisher.start(this.#callId, signal);
    this.#sampling = setInterval(() => void this.#sample(), SAMPLE_MS);
    addEventListener("online", this.#online); // another network: what looks connected may be dead
    this.#follow(this.#publisher.connection.connectionState);
  }

  /**
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track
   */
  async replace(kind, track) {
    await this.#publisher.replace(kind, track);
  }

  /**
   * The vault says that a leg has ended: if it is this one, and nobody wished it, a new one is made at once.
   * @param {string} legId
   * @param {string} reason
   */
  legEnded(legId, reason) {
    if (legId === this.#publisher.id && UNWISHED.includes(reason)) void this.#rejoin({ isGone: true });
  }

  /** Something has changed, the vault itself or the way to it: is the leg still there? */
  async verify() {
    if (this.#sampling === undefined || this.#health === "reconnecting") return;
    const publisher = this.#publisher;
    try {
      const legs = await this.#api.legs(this.#callId);
      const isThere = legs.some(({ id }) => id === publisher.id);
      if (!isThere && publisher === this.#publisher) await this.#rejoin({ isGone: true });
    } catch {
      // The connection's own state tells the rest.
    }
  }

  /** Hangs up. Safe to call twice. */
  close() {
    this.#stop.abort();
    removeEventListener("online", this.#online);
    clearTimeout(this.#patience);
    clearInterval(this.#sampling);
    return this.#publisher.close();
  }

  #make() {
    const publisher = new Publisher(this.#api, this.#stream, this.#video, (state) => {
      if (publisher === this.#publisher && this.#sampling !== undefined) this.#follow(state);
    });
    return publisher;
  }

  /** @param {RTCPeerConnectionState} state */
  #follow(state) {
    clearTimeout(this.#patience);
    if (state === "connected") return this.#feel("good");
    if (state === "connecting" || state === "new" || this.#health === "reconnecting") return;
    this.#feel("interrupted");
    const patience = state === "disconnected" ? PATIENCE_MS : 0;
    this.#patience = setTimeout(() => void this.#rejoin(), patience);
    if (!patience) return;
    // A right that is gone is found again when a new leg is asked for.
    void this.#isOver().catch(() => undefined);
  }

  /**
   * Tries for as long as it makes sense; ends early when the old connection comes back by itself.
   * @param {{isGone?: boolean}} [known]  isGone: the vault has said that there is nothing to come back
   */
  async #rejoin({ isGone = false } = {}) {
    if (this.#health === "reconnecting" || this.#stop.signal.aborted) return;
    clearTimeout(this.#patience);
    const begunAt = Date.now();
    let giveUpAt = begunAt + REJOIN_FOR_MS;
    this.#feel("reconnecting");
    while (Date.now() < giveUpAt && !this.#stop.signal.aborted) {
      if (!isGone && this.#publisher.connection.connectionState === "connected") return this.#feel("good");
      try {
        if (await this.#isOver()) return;
        return await this.#replaceLeg();
      } catch (error) {
        const code = error instanceof CallFailure ? error.code : "";
        if (GONE.includes(code)) break;
        // While nothing answers the place is kept: it is counted from the vault's next start.
        if (SILENCE.includes(code)) giveUpAt = Math.min(Date.now() + REJOIN_FOR_MS, begunAt + AWAY_FOR_MS);
      }
      await pause(AGAIN_MS, this.#stop.signal);
    }
    if (!this.#stop.signal.aborted) this.#tell.lost();
  }

  async #replaceLeg() {
    const fresh = this.#make();
    try {
      await fresh.start(this.#callId, this.#stop.signal);
    } catch (error) {
      fresh.abandon();
      throw error;
    }
    if (this.#stop.signal.aborted) return void fresh.close();
    this.#publisher.abandon();
    this.#publisher = fresh;
    this.#feel("good");
    this.#tell.restored();
  }

  /**
   * A silent line may be the agent hanging up or a lost network: the vault knows which.
   * @returns {Promise<boolean>} true once the end was told
   */
  async #isOver() {
    try {
      const { state, end_reason: reason } = await this.#api.call(this.#callId);
      if (state !== "ended" || this.#stop.signal.aborted) return false;
      this.#tell.ended(reason ?? "");
      return true;
    } catch (error) {
      if (error instanceof CallFailure && GONE.includes(error.code)) throw error;
      return false;
    }
  }

  async #sample() {
    if (this.#health !== "good" && this.#health !== "weak") return;
    const reports = await Promise.all(
      [this.#publisher.connection, ...this.#tell.incoming()].map((one) => one.getStats()),
    );
    this.#weakInARow = reports.filter((one) => this.#quality.isWeak(one)).length ? this.#weakInARow + 1 : 0;
    if (this.#health !== "good" && this.#health !== "weak") return; // it broke meanwhile
    this.#feel(this.#weakInARow >= WEAK_SAMPLES ? "weak" : "good");
  }

  /** @param {Health} health */
  #feel(health) {
    if (this.#stop.signal.aborted || health === this.#health) return;
    this.#health = health;
    this.#tell.health(health);
  }
}
