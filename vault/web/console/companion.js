// @ts-check
/** One side of a call that is played as a whole: its picture with its name, and its line of the timeline. */

import { icon } from "../shared/icons.js";
import { el } from "./dom.js";
import { contentInWords } from "./sides.js";
import { t } from "./words.js";
import { Waveform } from "./waveform.js";

/** @typedef {import("./player.js").Access} Access */

/**
 * The media element and the waveform of another side than the one the page is of.
 * @param {any} item  its recording
 * @param {string} name
 * @param {Access} access
 */
export function otherSide(item, name, access) {
  const isAudio = String(item.content_type).startsWith("audio/");
  const label = t("together.side", { side: name });
  const media = el(isAudio ? "audio" : "video", { preload: "auto", playsinline: true, "aria-label": label });
  const wave = new Waveform(media, item.duration_ms);
  const element = el("figure", { class: "companion" }, media);
  media.src = access.urls.media;
  if (access.urls.waveform && item.has?.includes("wave")) wave.load(access.urls.waveform);
  return { item, name, access, media, wave, element };
}

/** What stands on one side's picture, and where it lies on the timeline. */
export class SideView {
  /**
   * @param {{item: any, name: string, media: HTMLMediaElement, wave: Waveform, element: HTMLElement}} side
   * @param {{offsetS: number, lengthS: number, totalS: number}} times
   */
  constructor({ item, name, media, wave, element }, { offsetS, lengthS, totalS }) {
    this.name = name;
    this.media = media;
    this.wave = wave;
    this.element = element;
    /** @type {import("./call_clock.js").Presence} */ this.presence = "there";
    this.base = media.localName === "audio" ? contentInWords(item) : ""; // no black square without a reason
    this.word = el("p", { class: "side-away", hidden: !this.base }, this.base);
    const caption = element.localName === "figure" ? "figcaption" : "p";
    this.over = [el(caption, { class: "side-name" }, name), this.word];
    if (isHeard(item)) this.over.push(muteButton(media, name));
    element.append(...this.over);
    element.classList.toggle("is-screen", item.leg_kind === "screen");
    wave.setInCall(true);
    wave.element.style.marginLeft = `${(offsetS / totalS) * 100}%`;
    wave.element.style.width = `${(lengthS / totalS) * 100}%`;
    const lane = el("div", { class: "wave-lane" }, wave.element);
    const label = el("p", { class: "wave-name" }, name);
    this.track = el("div", { class: "wave-track", "aria-hidden": "true" }, label, lane);
  }

  /**
   * Show whether it was in the call at that moment.
   * @param {import("./call_clock.js").Presence} presence
   * @returns {string}  what changed, in words; empty where nothing did
   */
  show(presence) {
    if (presence === this.presence) return "";
    this.presence = presence;
    const isAway = presence !== "there";
    this.element.classList.toggle("is-away", isAway);
    this.word.textContent = isAway ? t(`together.${presence}`) : this.base;
    this.word.hidden = !this.word.textContent;
    return t("moment.by", { who: this.name, what: t(`together.${presence}`) });
  }

  /** Take away what was put on it. */
  clear() {
    for (const part of [...this.over, this.track]) part.remove();
    this.element.classList.remove("is-away");
  }
}

/** @param {any} item */
function isHeard(item) {
  const codecs = /** @type {string[]} */ (item.codecs ?? ["opus"]);
  return codecs.some((codec) => codec.toLowerCase() === "opus");
}

/**
 * Of two who talk at once, one can be listened to alone.
 * @param {HTMLMediaElement} media
 * @param {string} name
 */
function muteButton(media, name) {
  const label = t("together.mute", { side: name });
  const button = el("button", { type: "button", class: "side-mute", "aria-label": label });
  const show = () => {
    button.setAttribute("aria-pressed", String(media.muted));
    button.replaceChildren(icon(media.muted ? "soundOff" : "sound"));
  };
  button.addEventListener("click", () => {
    media.muted = !media.muted;
    show();
  });
  show();
  return button;
}
