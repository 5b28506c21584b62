// @ts-check
/** What is seen and heard of one leg of the call: a connection that receives, kept up while the leg lasts. */

import { preferCodecs } from "../shared/rtc.js";
import { Problem } from "./api.js";
import { Wire } from "./wire.js";

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 4000;
const PATIENCE_MS = 4000; // as for the leg that is sent: what broke for longer does not come back by itself

/** @typedef {{id: string, role: string, kind: "camera" | "screen", name?: string | null}} Leg */

export class Feed {
  stream = new MediaStream();
  /** @type {"connecting" | "connected" | "lost"} */ state = "connecting";
  /** @type {Wire | null} */ #wire = null;
  #closed = false;

  /**
   * @param {string} callId
   * @param {Leg} leg
   * @param {() => void} changed
   */
  constructor(callId, leg, changed) {
    this.leg = leg;
    this.path = `/v1/calls/${callId}/legs/${leg.id}/feeds`;
    this.callId = callId;
    this.changed = changed;
    this.#keepUp();
  }

  /** The connection, for its statistics. */
  get connection() {
    return this.#wire?.connection ?? null;
  }

  /** It ends with the leg that is watched, or with the watcher's own: the vault knows. */
  close() {
    this.#closed = true;
    this.#wire?.close({ tell: false });
  }

  async #keepUp() {
    let waitMs = FIRST_WAIT_MS;
    while (!this.#closed) {
      try {
        await this.#watch(() => (waitMs = FIRST_WAIT_MS));
      } catch (caught) {
        if (!(caught instanceof Problem)) console.warn(caught);
        this.#wire?.close();
      }
      if (this.#closed) return;
      this.#turn(this.state === "connected" ? "lost" : this.state);
      await new Promise((later) => setTimeout(later, waitMs));
      waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
    }
  }

  /** One connection, from its offer to its end. @param {() => void} up */
  async #watch(up) {
    /** @type {() => void} */ let broken = () => {};
    /** @type {ReturnType<typeof setTimeout> | undefined} */ let patience;
    const end = new Promise((resolve) => (broken = () => resolve(undefined)));
    const wire = new Wire(this.path, this.callId, (state) => {
      clearTimeout(patience);
      if (state === "disconnected") this.#turn("lost");
      if (state === "disconnected") patience = setTimeout(broken, PATIENCE_MS);
      if (state === "connected") this.#turn("connected");
      if (state === "failed" || state === "closed") broken();
    });
    this.#wire = wire;
    for (const kind of /** @type {const} */ (["audio", "video"]))
      preferCodecs(wire.connection.addTransceiver(kind, { direction: "recvonly" }), kind);
    wire.connection.addEventListener("track", ({ track }) => this.#show(track));
    await wire.open();
    up();
    await end;
    wire.close();
  }

  /** @param {MediaStreamTrack} track */
  #show(track) {
    for (const old of this.stream.getTracks()) if (old.kind === track.kind) this.stream.removeTrack(old);
    this.stream.addTrack(track);
    this.changed();
  }

  /** @param {Feed["state"]} state */
  #turn(state) {
    if (state === this.state) return;
    this.state = state;
    this.changed();
  }
}
