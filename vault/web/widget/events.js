// @ts-check
/**
 * What the vault tells while a call runs: ringing, taken, who joins and leaves. A web socket that is opened with a
 * one-time ticket and, after a break, goes on behind the last event heard: none is lost, none comes twice.
 */

import { CallFailure } from "./api.js";
import { GONE } from "./codes.js";

/** @typedef {import("./api.js").VaultApi} VaultApi */
/**
 * @typedef {{type: string, n: number, at?: string, data?: any, resumed?: boolean, snapshot?: any}} Told
 */

const PROTOCOL = "callvault.v1";
const PAUSES_MS = Object.freeze([500, 1000, 2000, 4000]); // then the last one again, for as long as the call lasts
const OPENING_MS = 10_000; // some proxies swallow web sockets without a word

export class EventStream {
  #api;
  #heard;
  #last = 0;
  /** @type {WebSocket | null} */
  #socket = null;
  #stop = new AbortController();

  /**
   * @param {VaultApi} api
   * @param {(told: Told) => void} heard each event once and in order; `hello` after each opening that lost some
   */
  constructor(api, heard) {
    this.#api = api;
    this.#heard = heard;
  }

  /** Listens until `close`. Never throws: without events a call is only less well told. */
  async run() {
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const ticket = await this.#api.eventTicket(signal);
        failures = (await this.#listen(ticket)) ? 0 : failures + 1;
      } catch (error) {
        if (error instanceof CallFailure && GONE.includes(error.code)) return;
        failures += 1;
      }
      await pause(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)], signal);
    }
  }

  /** The network has changed: a socket that looks open may be dead, so it is opened anew. */
  refresh() {
    this.#socket?.close();
  }

  close() {
    this.#stop.abort();
    this.#socket?.close();
  }

  /**
   * @param {string} ticket
   * @returns {Promise<boolean>} once the socket is closed: whether the vault had answered
   */
  #listen(ticket) {
    return new Promise((resolve) => {
      let greeted = false;
      const socket = new WebSocket(this.#api.eventsUrl(this.#last), [PROTOCOL, `ticket.${ticket}`]);
      this.#socket = socket;
      const timer = setTimeout(() => !greeted && socket.close(), OPENING_MS);
      socket.addEventListener("message", ({ data }) => {
        greeted = true;
        this.#take(JSON.parse(data));
      });
      socket.addEventListener("close", () => {
        clearTimeout(timer);
        resolve(greeted);
      });
      if (this.#stop.signal.aborted) socket.close();
    });
  }

  /** @param {Told} told */
  #take(told) {
    if (this.#stop.signal.aborted) return;
    if (told.type === "hello") {
      if (told.resumed) return; // what was missed follows, one by one
      this.#last = told.n;
    } else {
      if (told.n <= this.#last) return;
      this.#last = told.n;
    }
    this.#heard(told);
  }
}

/**
 * @param {number} durationMs
 * @param {AbortSignal} signal ends the wait early
 * @returns {Promise<void>}
 */
export function pause(durationMs, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal.addEventListener("abort", done);
  });
}
