// @ts-check
/**
 * The other side of a call: whether it rings, who took it, who is there, and what they show.
 *
 * unknown   the vault tells nothing: somebody may listen, nobody will be seen
 * ringing   agents are being called
 * taken     one has taken the call and is about to join
 * talking   somebody is there
 * nobody    no agent can answer; what is said now is a message
 * away      the last one is cut off and may come back, or the call rings again
 */

import { CallFailure } from "./api.js";
import { GOES_ON, GONE } from "./codes.js";
import { pause } from "./events.js";
import { Feed } from "./feed.js";

/** @typedef {"unknown" | "ringing" | "taken" | "talking" | "nobody" | "away"} Phase */
/** @typedef {{id: string, kind: "camera" | "screen", name: string, stream: MediaStream}} Other */
/**
 * @typedef {object} Party
 * @property {Phase} phase
 * @property {string} name of whoever took the call, or was there last; may be empty
 * @property {number | null} position in the queue, from 1; null where the vault does not say
 * @property {number | null} agents how many are being called
 * @property {readonly string[]} met everybody who was there, by name
 * @property {boolean} stopping the vault is about to restart
 * @property {readonly Other[]} others who is there, in the order of their coming; a shared screen is one of them
 */
/** @typedef {{id: string, kind: "camera" | "screen", name: string, feed: Feed | null, ready: boolean}} Seat */

/** @type {Readonly<Party>} */
export const NOBODY_YET = Object.freeze({
  phase: "unknown",
  name: "",
  position: null,
  agents: null,
  met: Object.freeze([]),
  others: Object.freeze([]),
  stopping: false,
});

const UNHEARD = "unheard"; // how somebody left is not known
const AGAIN_MS = 1500; // between two tries for a feed of a leg that is there
const BACK_WITHIN_MS = 60_000; // longer than the vault waits before it rings again, and a new leg takes to stand
const SETTLED = ["ringing", "taken", "nobody"]; // the vault says what becomes of the call: nobody is waited for
const HANDOVER_MS = 2500; // whoever transfers a call leaves it an instant before it rings elsewhere

export class Room {
  /** @type {Party} */
  party = NOBODY_YET;
  #api;
  #callId;
  #changed;
  #over;
  /** @type {Map<string, Seat>} */
  #seats = new Map();
  #stop = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #waiting;

  /**
   * @param {import("./api.js").VaultApi} api
   * @param {string} callId
   * @param {(party: Party) => void} changed
   * @param {(reason: string) => void} over the call has ended, or its last agent has left it
   */
  constructor(api, callId, changed, over) {
    this.#api = api;
    this.#callId = callId;
    this.#changed = changed;
    this.#over = over;
  }

  /** @returns {RTCPeerConnection[]} what comes in, to be looked at */
  get connections() {
    return [...this.#seats.values()].flatMap(({ feed }) => (feed ? [feed.connection] : []));
  }

  /** @param {import("./events.js").Told} told */
  hear({ type, data, snapshot }) {
    if (type === "hello") this.#snapshot(snapshot?.call ?? {});
    if (type === "call.ringing") this.#rings(data);
    if (type === "call.taken") this.#update({ phase: this.#here() ?? "taken", name: data.by?.name ?? "" });
    if (type === "call.nobody") this.#update({ phase: this.#here() ?? "nobody" });
    if (type === "call.leg_joined") this.#join({ ...data, id: data.leg_id });
    if (type === "call.leg_ended") this.#leave(data.leg_id, data.reason);
    if (type === "server.draining") this.#update({ stopping: true });
    if (type === "call.ended") this.#over(data.reason);
  }

  /** Asks for everything anew, after the visitor's own connection was made anew. */
  restore() {
    this.#update({ stopping: false });
    for (const seat of this.#seats.values()) void this.#open(seat);
  }

  close() {
    this.#stop.abort();
    clearTimeout(this.#waiting);
    for (const { feed } of this.#seats.values()) void feed?.close();
    this.#seats.clear();
  }

  /** @param {{position?: number | null, agents?: number | null}} told */
  #rings({ position = null, agents = null }) {
    this.#update({ phase: this.#here() ?? "ringing", position, agents });
  }

  /**
   * All that is known after an opening, or after a break that was too long to be told event by event.
   * @param {any} call
   */
  #snapshot(call) {
    if (call.state === "ended") return this.#over(call.end_reason ?? "");
    const { ringing, taken_by: takenBy } = call;
    if (call.nobody) this.#update({ phase: this.#here() ?? "nobody" });
    else if (takenBy) this.#update({ phase: this.#here() ?? "taken", name: takenBy.name ?? "" });
    else if (ringing) this.#rings(ringing);
    void this.#look();
  }

  /** Whoever is there and was not heard to come, and whoever left unheard. */
  async #look() {
    const legs = await this.#api.legs(this.#callId).catch(() => null);
    if (!legs || this.#stop.signal.aborted) return;
    const there = new Set(legs.filter(({ state }) => state !== "ended").map(({ id }) => id));
    for (const leg of legs) if (!leg.mine && there.has(leg.id)) this.#join(leg);
    for (const id of [...this.#seats.keys()]) if (!there.has(id)) this.#leave(id, UNHEARD);
  }

  /** @param {{id: string, role: string, kind: "camera" | "screen", name?: string | null}} leg */
  #join({ id, role, kind, name }) {
    if (role === "visitor" || this.#seats.has(id)) return;
    const seat = { id, kind, name: name ?? "", feed: null, ready: false };
    this.#seats.set(id, seat);
    clearTimeout(this.#waiting);
    void this.#open(seat);
  }

  /**
   * Opens the feed of a seat until it stands or the leg is gone.
   * @param {Seat} seat
   */
  async #open(seat) {
    const { signal } = this.#stop;
    void seat.feed?.close();
    const feed = new Feed(this.#api, () => seat.feed === feed && void this.#reopen(seat));
    seat.feed = feed;
    try {
      await feed.start(this.#callId, seat.id, signal);
      if (seat.feed !== feed || this.#seats.get(seat.id) !== seat) return void feed.close();
      seat.ready = true;
      this.#welcome(seat);
    } catch (error) {
      if (seat.feed !== feed) return void feed.close();
      if (error instanceof CallFailure && GONE.includes(error.code)) return this.#leave(seat.id, UNHEARD);
      await this.#reopen(seat);
    }
  }

  /** @param {Seat} seat whose picture and sound have come */
  #welcome({ name: given }) {
    const name = given || this.party.name;
    const { met } = this.party;
    this.#update({
      phase: this.#here() ?? this.party.phase,
      name,
      met: !name || met.includes(name) ? met : [...met, name],
    });
  }

  /** @param {Seat} seat */
  async #reopen(seat) {
    const { feed } = seat;
    await pause(AGAIN_MS, this.#stop.signal);
    const isStill = seat.feed === feed && this.#seats.get(seat.id) === seat;
    if (isStill && !this.#stop.signal.aborted) await this.#open(seat);
  }

  /**
   * @param {string} legId
   * @param {string} reason
   */
  #leave(legId, reason) {
    const seat = this.#seats.get(legId);
    if (!seat) return;
    this.#seats.delete(legId);
    seat.feed?.abandon();
    const isLast = ![...this.#seats.values()].some(({ kind }) => kind === "camera");
    if (!isLast || seat.kind === "screen") return this.#update({});
    const goesOn = reason === UNHEARD || GOES_ON.includes(reason); // unheard: the vault or we were away
    this.#update({ phase: goesOn ? "away" : this.party.phase, name: seat.name || this.party.name });
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => this.#over("left"), goesOn ? BACK_WITHIN_MS : HANDOVER_MS);
  }

  /** @returns {"talking" | null} */
  #here() {
    return [...this.#seats.values()].some(({ ready }) => ready) ? "talking" : null;
  }

  /** @param {Partial<Party>} change */
  #update(change) {
    if (SETTLED.includes(change.phase ?? "")) clearTimeout(this.#waiting);
    const others = [...this.#seats.values()].flatMap(({ id, kind, name, feed, ready }) =>
      ready && feed ? [{ id, kind, name, stream: feed.stream }] : [],
    );
    this.party = { ...this.party, ...change, others };
    this.#changed(this.party);
  }
}
