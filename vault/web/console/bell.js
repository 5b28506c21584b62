// @ts-check
/** How a call makes itself heard: a soft tone, and the title of the page in its turn. */

import { t } from "./words.js";

const RING_EVERY_MS = 3000;
const FLASH_EVERY_MS = 1000;
const VOLUME = 0.12; // of full scale: heard across a desk, not across an office
/** @type {readonly [number, number][]} two notes that fall, as [hertz, seconds after the stroke] */
const NOTES = Object.freeze([
  [880, 0],
  [660, 0.28],
]);

/** Rings while `ring(true)` holds. A browser lets a page sound only after its person touched it. */
export class Bell {
  /** @type {AudioContext | null} */ #context = null;
  /** @type {number | undefined} */ #ringing = undefined;
  /** @type {number | undefined} */ #flashing = undefined;
  #title = document.title;

  constructor() {
    const unlock = () => this.#unlock();
    for (const name of ["pointerdown", "keydown"]) addEventListener(name, unlock, { capture: true });
  }

  /** Whether the person would hear it. */
  get isAudible() {
    return this.#context?.state === "running";
  }

  /** @param {boolean} wanted  @param {boolean} [aloud]  someone in a call is not rung into the ear */
  ring(wanted, aloud = true) {
    clearInterval(this.#ringing);
    this.#ringing = undefined;
    if (wanted && aloud) {
      this.#stroke();
      this.#ringing = setInterval(() => this.#stroke(), RING_EVERY_MS);
    }
    if (wanted === (this.#flashing !== undefined)) return;
    clearInterval(this.#flashing);
    this.#flashing = undefined;
    if (!wanted) {
      document.title = this.#title;
      return;
    }
    this.#title = document.title;
    const flash = () => {
      document.title = document.title === this.#title ? t("desk.title") : this.#title;
    };
    flash();
    this.#flashing = setInterval(flash, FLASH_EVERY_MS);
  }

  async #unlock() {
    if (typeof AudioContext === "undefined") return;
    this.#context ??= new AudioContext();
    if (this.#context.state === "running") return;
    await this.#context.resume().catch(() => {});
    if (this.#ringing !== undefined && this.isAudible) {
      document.dispatchEvent(new Event("bell:audible"));
      this.#stroke();
    }
  }

  #stroke() {
    const context = this.#context;
    if (!context || context.state !== "running") return;
    for (const [hertz, laterS] of NOTES) {
      const from = context.currentTime + laterS;
      const note = new OscillatorNode(context, { type: "sine", frequency: hertz });
      const loudness = new GainNode(context, { gain: 0 });
      loudness.gain.setValueAtTime(0, from);
      loudness.gain.linearRampToValueAtTime(VOLUME, from + 0.03);
      loudness.gain.exponentialRampToValueAtTime(0.0005, from + 0.9);
      note.connect(loudness).connect(context.destination);
      note.start(from);
      note.stop(from + 1);
    }
  }
}
