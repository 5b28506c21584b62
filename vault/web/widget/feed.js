// @ts-check
/** What the visitor sees and hears of one leg: a connection that only receives (the shape of WHEP). */

import { Session } from "./session.js";

export class Feed {
  /** The tracks of the leg, as they come. */
  stream = new MediaStream();
  #api;
  #session;

  /**
   * @param {import("./api.js").VaultApi} api
   * @param {() => void} onLost the connection is gone; whether the leg is too, the vault knows
   */
  constructor(api, onLost) {
    this.#api = api;
    this.#session = new Session(api, (state) => {
      if (state === "failed" || state === "closed") onLost();
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
    return this.#session.close();
  }

  /** Lets go of a feed whose leg has ended: it has ended with it. */
  abandon() {
    this.#session.abandon();
  }
}
