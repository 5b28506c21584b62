// @ts-check
/** Another side of the same call, played along: it keeps to the main recording's time, whatever is done there. */

import { el } from "./dom.js";
import { sideInWords } from "./sides.js";
import { t } from "./words.js";
import { Waveform } from "./waveform.js";

const LOOK_MS = 200;
const CLOSE_S = 0.04; // under this nobody sees or hears that two sides are apart
const JUMP_S = 0.4; // above this a jump is less strange than catching up
const CATCH_UP = 0.06; // of the speed: too little to hear

/** @typedef {import("./player.js").Access} Access */

/**
 * A waveform with the name of its side, as one line of the timeline they share.
 * @param {HTMLElement} wave
 * @param {string} side
 */
export function waveTrack(wave, side) {
  wave.setAttribute("aria-label", t("together.wave", { side }));
  return el("div", { class: "wave-track" }, el("p", { class: "wave-name", "aria-hidden": "true" }, side), wave);
}

export class Companion {
  /**
   * @param {HTMLMediaElement} main  what it keeps to
   * @param {any} item  its recording
   * @param {{laterMs: number, mainMs: number}} times  how much later than the main recording it began, and how
   *   long that one is: the timeline of all sides, where the call's own is not known
   * @param {Access} access
   */
  constructor(main, item, { laterMs, mainMs }, access) {
    this.main = main;
    this.laterS = laterMs / 1000;
    this.access = access;
    const isAudio = String(item.content_type).startsWith("audio/");
    const name = sideInWords(item);
    this.media = el(isAudio ? "audio" : "video", {
      preload: "auto",
      playsinline: true,
      "aria-label": t("together.side", { side: name }),
    });
    this.wave = new Waveform(this.media, item.duration_ms);
    this.element = el("figure", { class: "companion" }, this.media, el("figcaption", {}, name));
    this.track = waveTrack(this.wave.element, name);
    this.wave.element.style.marginLeft = `${(laterMs / mainMs) * 100}%`;
    this.wave.element.style.width = `${(item.duration_ms / mainMs) * 100}%`;
    this.placed = 0; // where it was put by this code, to tell a person's seek from its own
    this.keep = () => this.#keep();
    this.seeked = () => this.#seeked();
    for (const event of ["play", "pause", "seeked", "ratechange"]) main.addEventListener(event, this.keep);
    this.media.addEventListener("seeking", this.seeked);
    this.timer = setInterval(this.keep, LOOK_MS);
    this.media.src = access.urls.media;
    if (access.urls.waveform && item.has?.includes("wave")) this.wave.load(access.urls.waveform);
  }

  /** How far it is from where it should be, in seconds. */
  get driftS() {
    return this.media.currentTime - (this.main.currentTime - this.laterS);
  }

  stop() {
    clearInterval(this.timer);
    for (const event of ["play", "pause", "seeked", "ratechange"])
      this.main.removeEventListener(event, this.keep);
    this.media.pause();
    this.media.removeAttribute("src");
    this.media.load();
    this.wave.destroy();
    this.element.remove();
    this.track.remove();
  }

  #keep() {
    const { media, main } = this;
    if (media.readyState < HTMLMediaElement.HAVE_METADATA || media.seeking) return;
    const wanted = main.currentTime - this.laterS;
    const isThere = wanted >= 0 && wanted < media.duration; // this side was in the call at that moment
    this.element.classList.toggle("is-away", !isThere);
    if (!isThere || main.paused || main.ended || main.seeking) media.pause();
    else if (media.paused) media.play().catch(() => {});
    const drift = this.driftS;
    if (isThere && (Math.abs(drift) > JUMP_S || (media.paused && Math.abs(drift) > CLOSE_S))) {
      this.placed = wanted;
      media.currentTime = wanted;
    }
    const correction = Math.abs(drift) > CLOSE_S ? -Math.sign(drift) * CATCH_UP : 0;
    media.playbackRate = main.playbackRate * (1 + correction);
  }

  /** Somebody moved along this side's waveform: the main recording goes there, and so everything does. */
  #seeked() {
    if (Math.abs(this.media.currentTime - this.placed) < 0.05) return;
    this.placed = this.media.currentTime;
    this.main.currentTime = Math.max(0, this.media.currentTime + this.laterS);
  }
}
