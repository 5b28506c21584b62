// @ts-check
/** The screen an agent shows: a leg of its own beside the camera's, for as long as it is shown. */

import { DisplayFailure, openDisplay } from "../shared/display.js";
import { preferCodecs } from "../shared/rtc.js";
import { Problem } from "./api.js";
import { Wire } from "./wire.js";

const REJOIN_FOR_MS = 45_000; // the vault must first notice that the old leg is gone: one screen for each person
const AGAIN_MS = 1500;
const OVER = [401, 403, 404, 410]; // answers after which there is no call to show anything in

/** Dispatches "change" whenever something a person could see has changed. */
export class ScreenShare extends EventTarget {
  /** @type {"off" | "asking" | "joining" | "on"} */ phase = "off";
  /** @type {string} why nothing is shown though it was asked for */ trouble = "";
  /** @type {MediaStreamTrack | null} */ #track = null;
  /** @type {Wire | null} */ #wire = null;
  #round = 0; // what belongs to an earlier round is thrown away

  /** @param {string} callId */
  constructor(callId) {
    super();
    this.path = `/v1/calls/${callId}/legs?kind=screen`;
    this.callId = callId;
  }

  /** The leg it is, or the empty string. */
  get legId() {
    return this.#wire?.id ?? "";
  }

  /** To be called from a press: the browser asks what to show. */
  async start() {
    if (this.phase !== "off") return;
    const round = ++this.#round;
    this.#turn("asking");
    try {
      const track = await openDisplay();
      if (round !== this.#round) return track.stop();
      this.#track = track;
      track.addEventListener("ended", () => round === this.#round && this.stop()); // the browser's own bar
      await this.#join(track, round);
    } catch (caught) {
      if (round === this.#round) this.#fail(caught);
    }
  }

  /** Show nothing any more. Safe to call at any time. */
  stop() {
    this.#end();
    if (this.phase !== "off") this.#turn("off");
  }

  /** @param {MediaStreamTrack} track @param {number} round */
  async #join(track, round) {
    this.#turn("joining");
    this.#wire?.close();
    const wire = new Wire(this.path, this.callId, (state) => {
      if (state === "failed" && wire === this.#wire && this.phase === "on") this.#again(track, round);
    });
    this.#wire = wire;
    const way = { direction: /** @type {const} */ ("sendonly"), streams: [new MediaStream([track])] };
    preferCodecs(wire.connection.addTransceiver(track, way), "video");
    await wire.open();
    if (round === this.#round) this.#turn("on");
  }

  /** The connection broke, the choice holds. @param {MediaStreamTrack} track @param {number} round */
  async #again(track, round) {
    const giveUpAt = performance.now() + REJOIN_FOR_MS;
    while (round === this.#round) {
      try {
        return await this.#join(track, round);
      } catch (caught) {
        if (round !== this.#round) return;
        const isOver = caught instanceof Problem && OVER.includes(caught.status);
        if (isOver || performance.now() > giveUpAt) return this.#fail(caught);
      }
      await new Promise((later) => setTimeout(later, AGAIN_MS));
    }
  }

  #end() {
    this.#round++;
    this.#track?.stop();
    this.#wire?.close();
    this.#track = this.#wire = null;
  }

  /** @param {unknown} caught */
  #fail(caught) {
    this.#end();
    this.#turn("off", caught instanceof DisplayFailure ? caught.code : "lost");
  }

  /** @param {ScreenShare["phase"]} phase @param {string} [trouble] */
  #turn(phase, trouble = "") {
    this.phase = phase;
    this.trouble = trouble;
    this.dispatchEvent(new Event("change"));
  }
}
