// @ts-check
/** What the visitor sees and hears of one leg: a connection that only receives (the shape of WHEP). */

import { Session } from "./session.js";

const PATIENCE_MS = 4000; // as for the leg that is sent: what broke for longer does not come back by itself

export class Feed {
  /** The tracks of the leg, as they come. */
  stream = new MediaStream();
  #api;
  #session;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;

  /**
   * @param {import("./api.js").VaultApi} api
   * @param {() => void} onLost the connection is gone; whether the leg is too, the vault knows
   */
  constructor(api, onLost) {
    this.#api = api;
    this.#session = new Session(api, (state) => {
      clearTimeout(this.#patience);
      if (state === "failed" || state === "closed") onLost();
      if (state === "disconnected") this.#patience = setTimeout(onLost, PATIENCE_MS);
    });
    const { connection } = this.#session;
    connection.addEventListener("track", ({ track }) => this.stream.addTrack(track));
    for (const kind of ["audio", "video"]) connection.addTransceiver(kind, { direction: "recvonly" });
  }

  /** @returns {RTCPeerConnection} to be looked at, not to be changed */
  get connection() {
    return this.#session.connection;
  }

  /**
   * @param {string} callId
   * @param {string} legId
   * @param {AbortSignal} signal
   */
  async start(callId, legId, signal) {
    await this.#session.open(callId, (offer) => this.#api.createFeed(callId, legId, offer, signal), signal);
  }

  /** Ends the feed. */
  close() {
    clearTimeout(this.#patience);
    return this.#session.close();
  }

  /** Lets go of a feed whose leg has ended: it has ended with it. */
  abandon() {
    clearTimeout(this.#patience);
    this.#session.abandon();
  }
}
