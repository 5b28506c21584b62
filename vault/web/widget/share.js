// @ts-check
/** The screen a visitor shows: a leg of its own beside their camera's, for as long as they show it. */

import { DisplayFailure, openDisplay } from "../shared/display.js";
import { preferCodecs } from "../shared/rtc.js";
import { CallFailure } from "./api.js";
import { GONE } from "./codes.js";
import { pause } from "./events.js";
import { Session } from "./session.js";

/**
 * off       nothing is shown
 * asking    the browser asks what to show
 * joining   chosen, and on its way
 * on        the others can see it
 * @typedef {"off" | "asking" | "joining" | "on"} Sharing
 */
/**
 * @typedef {object} ShareState
 * @property {Sharing} sharing
 * @property {string | null} shareTrouble why nothing is shown though it was asked for
 */
/** @typedef {{api: import("./api.js").VaultApi, callId: string}} Place */

const REJOIN_FOR_MS = 45_000; // the vault must first notice that the old leg is gone: one screen for each person
const AGAIN_MS = 1500;

export class ScreenShare {
  /** @type {ShareState} */
  state = { sharing: "off", shareTrouble: null };
  #changed;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  /** @type {Session | null} */
  #session = null;
  #stop = new AbortController();

  /** @param {(state: ShareState) => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /**
   * To be called from a press: the browser asks what to show.
   * @param {Place} place
   */
  async start(place) {
    if (this.state.sharing !== "off") return;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#update({ sharing: "asking", shareTrouble: null });
    try {
      const track = await openDisplay();
      if (signal.aborted) return track.stop();
      this.#track = track;
      track.addEventListener("ended", () => track === this.#track && this.stop()); // the browser's own bar
      this.#update({ sharing: "joining" });
      await this.#join(place, track, signal);
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    }
  }

  /** Shows nothing any more. Safe to call at any time. */
  stop() {
    this.#end();
    if (this.state.sharing !== "off") this.#update({ sharing: "off" });
  }

  /** The call is over: as `stop`, and what went wrong is forgotten. */
  close() {
    this.#end();
    this.state = { sharing: "off", shareTrouble: null };
  }

  /**
   * @param {Place} place
   * @param {MediaStreamTrack} track
   * @param {AbortSignal} signal
   */
  async #join(place, track, signal) {
    const session = new Session(place.api, (state) => {
      if (state === "failed" && session === this.#session && this.state.sharing === "on") {
        void this.#again(place, track, signal);
      }
    });
    this.#session?.abandon();
    this.#session = session;
    const way = { direction: /** @type {const} */ ("sendonly"), streams: [new MediaStream([track])] };
    preferCodecs(session.connection.addTransceiver(track, way), "video");
    const { api, callId } = place;
    await session.open(callId, (offer) => api.createLeg(callId, offer, signal, "screen"), signal);
    if (signal.aborted) return void session.close();
    this.#update({ sharing: "on" });
  }

  /**
   * The connection broke, the choice holds: what was shown is shown again.
   * @param {Place} place
   * @param {MediaStreamTrack} track
   * @param {AbortSignal} signal
   */
  async #again(place, track, signal) {
    const giveUpAt = Date.now() + REJOIN_FOR_MS;
    this.#update({ sharing: "joining" });
    while (!signal.aborted) {
      try {
        return await this.#join(place, track, signal);
      } catch (error) {
        if (signal.aborted) return;
        const isGone = error instanceof CallFailure && GONE.includes(error.code);
        if (isGone || Date.now() > giveUpAt) return this.#fail(error);
      }
      await pause(AGAIN_MS, signal);
    }
  }

  #end() {
    this.#stop.abort();
    const [track, session] = [this.#track, this.#session];
    this.#track = this.#session = null;
    track?.stop();
    void session?.close();
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#end();
    this.#update({ sharing: "off", shareTrouble: error instanceof DisplayFailure ? error.code : "lost" });
  }

  /** @param {Partial<ShareState>} change */
  #update(change) {
    this.state = { ...this.state, ...change };
    this.#changed(this.state);
  }
}
