// @ts-check
/** The shape of the sound, to see where one is and to go elsewhere: by pointer and by keyboard. */

import WaveSurfer from "../vendor/wavesurfer/wavesurfer.esm.js";
import { clock, spokenDuration } from "../shared/i18n.js";
import { el } from "./dom.js";
import { language, t } from "./words.js";

const ARROW_S = 5;
const PAGE_S = 30;
const LOUDEST = 255; // peaks are bytes
const HEIGHT_PX = 72;
const LANE_PX = 48; // as one of several sides

/**
 * Where the keys of a slider over time lead.
 * @param {number} now  in seconds, as all of these
 * @param {number} end
 * @returns {Record<string, number>}
 */
export function keyTargets(now, end) {
  return {
    ArrowLeft: now - ARROW_S,
    ArrowDown: now - ARROW_S,
    ArrowRight: now + ARROW_S,
    ArrowUp: now + ARROW_S,
    PageDown: now - PAGE_S,
    PageUp: now + PAGE_S,
    Home: 0,
    End: end,
  };
}

/** A slider over a media element, drawn from peaks the server computed: the media itself is never read for it. */
export class Waveform {
  /**
   * @param {HTMLMediaElement} media
   * @param {number} durationMs
   */
  constructor(media, durationMs) {
    this.media = media;
    this.durationMs = durationMs;
    /** @type {WaveSurfer | null} */ this.surfer = null;
    this.isInCall = false;
    this.canvas = el("div", { class: "wave-canvas" });
    this.marks = el("div", { class: "wave-marks", "aria-hidden": "true" });
    this.element = el(
      "div",
      {
        class: "wave",
        role: "slider",
        tabindex: "0",
        "aria-label": t("wave.label"),
        "aria-valuemin": "0",
        title: t("wave.hint"),
        hidden: true,
      },
      this.canvas,
      this.marks,
    );
    this.element.addEventListener("keydown", (event) => this.#key(event));
    for (const name of ["timeupdate", "seeking", "durationchange"])
      media.addEventListener(name, () => this.#reflect());
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => this.surfer?.setOptions(colours());
    this.scheme.addEventListener("change", this.recolour);
    this.#reflect();
  }

  /** @param {string} path  of the peaks; without them the native controls remain */
  async load(path) {
    if (this.surfer) return;
    const answer = await fetch(path, { credentials: "same-origin" }).catch(() => null);
    if (!answer?.ok) return;
    const wave = await answer.json();
    if (this.surfer || !wave.peaks?.length) return;
    this.element.hidden = false;
    this.surfer = WaveSurfer.create({
      container: this.canvas,
      media: this.media,
      peaks: [wave.peaks.map((/** @type {number} */ peak) => peak / LOUDEST)],
      duration: (wave.duration_ms || this.durationMs) / 1000,
      barWidth: 2,
      barGap: 1,
      barRadius: 1,
      barMinHeight: 1,
      normalize: true,
      ...this.#manners(),
      // Its stylesheet is inline, inside its own shadow root: the page's nonce lets in just that one.
      cspNonce: /** @type {HTMLElement | null} */ (document.querySelector("script[nonce]"))?.nonce ?? "",
      ...colours(),
    });
  }

  /** @param {import("./player.js").Gap[]} gaps */
  markGaps(gaps) {
    this.marks.replaceChildren(
      ...gaps.map(({ from_ms, to_ms }) => {
        const mark = el("span", { class: "wave-gap", title: t("wave.gap") });
        mark.style.left = `${(from_ms / this.durationMs) * 100}%`;
        const toMs = to_ms ?? this.durationMs; // a gap nothing came after
        mark.style.width = `${(Math.max(0, toMs - from_ms) / this.durationMs) * 100}%`;
        return mark;
      }),
    );
  }

  /**
   * As one side of a call it only shows: the call's own timeline is what one moves along.
   * @param {boolean} isInCall
   */
  setInCall(isInCall) {
    this.isInCall = isInCall;
    if (isInCall) for (const name of ["role", "tabindex", "title"]) this.element.removeAttribute(name);
    else {
      this.element.setAttribute("role", "slider");
      this.element.setAttribute("tabindex", "0");
      this.element.style.removeProperty("margin-left");
      this.element.style.removeProperty("width");
    }
    this.element.hidden = !isInCall && !this.surfer; // without peaks its line still tells from when to when
    this.surfer?.setOptions(this.#manners());
  }

  #manners() {
    return this.isInCall
      ? { height: LANE_PX, interact: false, dragToSeek: false, cursorWidth: 0 }
      : { height: HEIGHT_PX, interact: true, dragToSeek: true, cursorWidth: 2 };
  }

  destroy() {
    this.scheme.removeEventListener("change", this.recolour);
    this.surfer?.destroy();
    this.surfer = null;
    this.element.hidden = true;
  }

  #lengthS() {
    return Number.isFinite(this.media.duration) ? this.media.duration : this.durationMs / 1000;
  }

  #reflect() {
    const [now, total] = [this.media.currentTime * 1000, this.#lengthS() * 1000];
    this.element.setAttribute("aria-valuemax", String(Math.round(total / 1000)));
    this.element.setAttribute("aria-valuenow", String(Math.round(now / 1000)));
    const spoken = { now: spokenDuration(language, now), total: spokenDuration(language, total) };
    this.element.setAttribute("aria-valuetext", t("wave.value", spoken));
    this.element.dataset.now = clock(now);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const end = this.#lengthS();
    const targets = keyTargets(this.media.currentTime, end);
    if (event.altKey || event.ctrlKey || event.metaKey || !(event.key in targets)) return;
    event.preventDefault();
    this.media.currentTime = Math.min(Math.max(0, targets[event.key]), end);
  }
}

/** The canvas cannot read custom properties: they are read for it, again when the scheme turns. */
function colours() {
  const read = (/** @type {string} */ name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return {
    waveColor: read("--cv-line-control"),
    progressColor: read("--cv-brand"),
    cursorColor: read("--cv-ink"),
  };
}
