// @ts-check
/**
 * What is written in a call. The vault's events say that something was; what it was is read from the vault, after
 * the last message known, so that none is missed after a break and none comes twice.
 */

import { CallFailure } from "./api.js";
import { GONE } from "./codes.js";

/** @typedef {import("./api.js").Message} Message */
/** @typedef {{key: string, text: string, state: "sending" | "failed", code: string}} Draft  written here, not taken yet */
/**
 * @typedef {object} Written
 * @property {boolean} there whether this vault takes messages at all
 * @property {readonly Message[]} messages in their order
 * @property {readonly Draft[]} drafts in the order in which they were written
 */

/** @type {Readonly<Written>} */
export const NOTHING_WRITTEN = Object.freeze({
  there: false,
  messages: Object.freeze([]),
  drafts: Object.freeze([]),
});

const AT_ONCE = 200; // messages of one answer

export class Thread {
  /** @type {Written} */
  written = NOTHING_WRITTEN;
  #api;
  #callId;
  #changed;
  #closed = false;
  #reading = false;
  #again = false;

  /**
   * @param {import("./api.js").VaultApi} api
   * @param {string} callId
   * @param {(written: Written) => void} changed
   */
  constructor(api, callId, changed) {
    this.#api = api;
    this.#callId = callId;
    this.#changed = changed;
  }

  /** @param {import("./events.js").Told} told */
  hear({ type }) {
    if (type === "hello" || type === "call.message") void this.#read();
  }

  /** @param {string} text */
  send(text) {
    const draft = { key: crypto.randomUUID?.() ?? String(Math.random()), text };
    this.#put({ ...draft, state: "sending", code: "" });
    void this.#post(draft);
  }

  /** With the same key: if it came through after all, it is still one message. @param {string} key */
  retry(key) {
    const draft = this.written.drafts.find((one) => one.key === key);
    if (!draft) return;
    this.#put({ ...draft, state: "sending", code: "" });
    void this.#post(draft);
  }

  close() {
    this.#closed = true;
  }

  /** @param {{key: string, text: string}} draft */
  async #post({ key, text }) {
    try {
      await this.#api.write(this.#callId, { key, text });
      await this.#read(); // first what was taken, then the draft goes: it never looks lost
      this.#update({ drafts: this.written.drafts.filter((one) => one.key !== key) });
    } catch (error) {
      const code = error instanceof CallFailure ? error.code : "unexpected";
      this.#put({ key, text, state: "failed", code });
    }
  }

  /** One reading at a time; what is told meanwhile leads to another one. */
  async #read() {
    this.#again = true;
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        const found = await this.#api.messages(this.#callId, this.#last, AT_ONCE);
        this.#update({ there: true, messages: [...this.written.messages, ...found] });
        this.#again ||= found.length === AT_ONCE; // there may be more
      }
    } catch (error) {
      if (error instanceof CallFailure && GONE.includes(error.code)) this.#update({ there: false });
    } finally {
      this.#reading = false;
    }
  }

  /** The place of the last message that is known. */
  get #last() {
    return this.written.messages.at(-1)?.n ?? 0;
  }

  /** @param {Draft} draft */
  #put(draft) {
    const { drafts } = this.written;
    const isKnown = drafts.some(({ key }) => key === draft.key);
    this.#update({
      drafts: isKnown ? drafts.map((one) => (one.key === draft.key ? draft : one)) : [...drafts, draft],
    });
  }

  /** @param {Partial<Written>} change */
  #update(change) {
    this.written = { ...this.written, ...change };
    if (!this.#closed) this.#changed(this.written);
  }
}
