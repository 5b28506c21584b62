// @ts-check
/** The vault's events over one WebSocket: a ticket opens it, numbers resume it, nothing comes twice. */

import { api } from "./api.js";

const PROTOCOL = "callvault.v1";
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000; // a server that restarts is met within seconds, one that is gone is not stormed
const PATIENCE_MS = 1500; // a blink of the network is not worth a line on the screen

/**
 * @typedef {{type: string, n: number, at: string, data: any}} VaultEvent
 * @typedef {{hello: (snapshot: any) => void, event: (event: VaultEvent) => void,
 *   state: (isOpen: boolean) => void}} Listener
 *   hello: everything is told anew; an event: what has happened since
 */

/** The stream of one page. It reconnects until it is stopped. */
export class Events {
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {number | undefined} */ #retry = undefined;
  /** @type {number | undefined} */ #patience = undefined;
  #last = 0; // the number of the last event seen
  #waitMs = FIRST_WAIT_MS;
  #round = 0; // an answer that belongs to an earlier attempt is thrown away

  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
    this.again = () => this.#now();
    this.offline = () => this.#lost(this.#round);
  }

  start() {
    addEventListener("online", this.again);
    addEventListener("offline", this.offline);
    this.#connect();
  }

  stop() {
    removeEventListener("online", this.again);
    removeEventListener("offline", this.offline);
    clearTimeout(this.#retry);
    clearTimeout(this.#patience);
    this.#round++;
    this.#socket?.close();
  }

  async #connect() {
    const round = ++this.#round;
    clearTimeout(this.#retry);
    this.#socket?.close();
    try {
      const { body } = await api("POST", "/v1/events/tickets");
      if (round !== this.#round) return;
      const address = new URL(`/v1/events?after=${this.#last}`, location.href);
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      const socket = new WebSocket(address, [PROTOCOL, `ticket.${body.ticket}`]);
      socket.addEventListener("message", ({ data }) => round === this.#round && this.#take(JSON.parse(data)));
      socket.addEventListener("close", () => this.#lost(round));
      this.#socket = socket;
    } catch {
      this.#lost(round); // whatever it was, trying again is all that can be done
    }
  }

  /** @param {any} frame */
  #take(frame) {
    if (frame.type === "hello") {
      clearTimeout(this.#patience);
      this.#patience = undefined;
      this.#waitMs = FIRST_WAIT_MS;
      this.listener.state(true);
      if (frame.resumed) return; // what was missed follows, one event after the other
      this.#last = frame.n;
      this.listener.hello(frame.snapshot);
    } else if (frame.n > this.#last) {
      this.#last = frame.n;
      this.listener.event(frame);
    }
  }

  /** @param {number} round */
  #lost(round) {
    if (round !== this.#round) return;
    this.#round++;
    this.#socket?.close();
    this.#patience ??= setTimeout(() => this.listener.state(false), PATIENCE_MS);
    // Everyone lost the same server at the same moment: they come back spread over time.
    this.#retry = setTimeout(() => this.#connect(), this.#waitMs * (0.5 + Math.random() / 2));
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
  }

  #now() {
    this.#waitMs = FIRST_WAIT_MS;
    if (this.#socket?.readyState !== WebSocket.OPEN) this.#connect();
  }
}
