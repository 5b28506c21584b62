// @ts-check
/** Playing one recording through a link that dies: native controls, the waveform, the time left. */

import { api, sentenceOf, Problem } from "./api.js";
import { CallPlayer } from "./call_player.js";
import { otherSide } from "./companion.js";
import { el, note, say } from "./dom.js";
import { LinkClock } from "./link.js";
import { sideInWords } from "./sides.js";
import { Waveform } from "./waveform.js";
import { codecName, t } from "./words.js";

const STEP_MS = 10_000;

/**
 * @typedef {{id: string, purpose: string, left_ms: number,
 *   urls: {media: string, poster?: string, waveform?: string, manifest?: string}}} Access
 * @typedef {{track: number | null, from_ms: number, to_ms: number | null, cause: string}} Gap
 */

/** The player of one recording, from the first link to the last. */
export class Player {
  /**
   * @param {any} item  the recording, as the API lists it
   * @param {Access} access
   * @param {{renew: () => Promise<Access>, closed: () => void, gone: () => void}} answers
   */
  constructor(item, access, answers) {
    this.item = item;
    this.access = access;
    this.answers = answers;
    this.media = this.#makeMedia();
    this.screen = el("div", { class: `screen screen-${this.media.localName}` }, this.media);
    this.wave = new Waveform(this.media, item.duration_ms);
    this.clock = new LinkClock({
      renew: () => this.renew(),
      close: () => this.close(),
      ended: () => this.#ended(),
    });
    this.bar = this.#makeBar();
    /** @type {CallPlayer | null} */ this.whole = null;
    /** @type {ReturnType<typeof otherSide>[]} */ this.companions = [];
    /** @type {{sides: any[], link: (item: any) => Promise<Access>}} */
    this.others = { sides: [], link: () => Promise.reject(new Error("no other side is offered")) };
    this.isTogether = false;
    /** @type {import("./call_timeline.js").CallTimeline | null} */ this.call = null;
    this.screens = el("div", { class: "screens" }, this.screen);
    this.element = el("div", { class: "player card" }, this.screens, this.bar);
    this.element.addEventListener("keydown", (event) => this.whole?.key(event));
    this.resumeAtMs = 0;
    this.resumeCallS = 0; // and of the whole call
  }

  #makeMedia() {
    const isAudio = String(this.item.content_type).startsWith("audio/") || !this.#hasPicture();
    const media = el(isAudio ? "audio" : "video", {
      controls: true,
      preload: "metadata",
      // Downloads are exports: they have their own right and their own line in the ledger.
      controlslist: "nodownload noremoteplayback",
      playsinline: true,
      "aria-label": t(isAudio ? "player.audio" : "player.video"),
    });
    media.addEventListener("error", () => this.#failed());
    return media;
  }

  #hasPicture() {
    const codecs = /** @type {string[]} */ (this.item.codecs ?? []);
    return codecs.length === 0 || codecs.some((codec) => codec.toLowerCase() !== "opus");
  }

  #makeBar() {
    const step = (/** @type {number} */ byMs, /** @type {string} */ label) =>
      el(
        "button",
        {
          type: "button",
          class: "quiet small",
          onclick: () => this.seek(this.media.currentTime * 1000 + byMs),
        },
        label,
      );
    return el(
      "div",
      { class: "player-bar" },
      this.wave.element,
      el("div", { class: "steps" }, step(-STEP_MS, t("player.back")), step(STEP_MS, t("player.forward"))),
      this.clock.element,
    );
  }

  /** Show the first picture and begin to count. */
  start() {
    this.#load();
    this.clock.start(this.access.left_ms);
    say(t("player.opened"));
    this.media.focus({ preventScroll: true });
  }

  #load() {
    const { media, poster } = this.access.urls;
    if (this.media instanceof HTMLVideoElement && poster && this.item.has?.includes("thumb"))
      this.media.poster = poster;
    this.media.src = media;
    if (this.resumeAtMs) this.media.currentTime = this.resumeAtMs / 1000;
    if (this.access.urls.waveform && this.item.has?.includes("wave"))
      this.wave.load(this.access.urls.waveform);
  }

  /** @param {number} atMs */
  seek(atMs) {
    if (this.whole) return this.whole.seekIn(this.media, atMs / 1000);
    const lastMs =
      (Number.isFinite(this.media.duration) ? this.media.duration * 1000 : this.item.duration_ms) || 0;
    this.media.currentTime = Math.min(Math.max(0, atMs), lastMs) / 1000;
  }

  /**
   * Go to a moment of the call: while one side plays alone, as near to it as that side goes.
   * @param {number} atMs  on the call's clock
   * @param {number} fromMs  when this side began on it
   */
  seekCall(atMs, fromMs) {
    if (this.whole) this.whole.clock.seek(atMs / 1000);
    else this.seek(atMs - fromMs);
  }

  /** @param {Gap[]} gaps */
  markGaps(gaps) {
    this.wave.markGaps(gaps);
  }

  /**
   * Offer to play the other sides of the call along.
   * @param {any[]} sides  ready, this one not among them
   * @param {(item: any) => Promise<Access>} link
   * @param {import("./call_timeline.js").CallTimeline | null} call
   */
  offerSides(sides, link, call) {
    this.others = { sides, link };
    this.call = call;
    const button = el("button", { type: "button", class: "secondary small" }, t("together.play"));
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await this.#together();
        button.remove();
        say(t("together.playing"));
        this.whole?.playButton.focus({ preventScroll: true });
      } catch (caught) {
        button.disabled = false;
        this.bar.prepend(note("danger", sentenceOf(caught)));
      }
    });
    this.bar.querySelector(".steps")?.append(button);
  }

  /** Each side is opened by a link of its own; the call is at the moment this side was at. */
  async #together() {
    const name = (/** @type {any} */ item) => this.call?.nameOf(item) ?? sideInWords(item);
    try {
      for (const item of this.others.sides)
        this.companions.push(otherSide(item, name(item), await this.others.link(item)));
    } catch (caught) {
      this.#dropSides();
      throw caught;
    }
    const { item, media, wave, screen } = this;
    const sides = [{ item, name: name(item), media, wave, element: screen }, ...this.companions];
    const wasPlaying = !this.media.paused;
    const atMs = this.media.currentTime * 1000;
    this.screens.append(...this.companions.map((side) => side.element));
    const whole = new CallPlayer(sides, this.call, { fullScreen: () => this.#fullScreen() });
    this.whole = whole;
    for (const side of this.companions) side.wave.markGaps(this.call?.gapsOf(side.item.id) ?? []);
    this.media.removeAttribute("controls"); // its own would be another clock than the call's
    this.bar.prepend(whole.element, whole.transport);
    this.element.classList.add("is-whole");
    this.isTogether = true;
    if (this.resumeCallS) whole.clock.seek(this.resumeCallS);
    else whole.seekIn(this.media, atMs / 1000);
    this.resumeCallS = 0;
    if (wasPlaying) whole.clock.play();
  }

  #fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.element.requestFullscreen().catch(() => {});
  }

  /** The sides have links of their own: where this one's ends, theirs are given back. */
  #dropSides() {
    this.#part();
    for (const side of this.companions.splice(0)) {
      side.media.pause();
      side.media.removeAttribute("src");
      side.media.load();
      side.wave.destroy();
      side.element.remove();
      api("DELETE", `/v1/links/${side.access.id}`).catch(() => {}); // it dies by itself all the same
    }
  }

  /** This side alone again, with its own controls. */
  #part() {
    if (!this.whole) return;
    this.resumeCallS = this.whole.clock.nowS;
    this.whole.stop();
    this.whole = null;
    this.media.playbackRate = 1;
    this.media.setAttribute("controls", "");
    this.wave.setInCall(false);
    this.bar.prepend(this.wave.element);
    this.element.classList.remove("is-whole");
  }

  /** A new link for the same purpose; the place and the playing go on. */
  async renew() {
    const playing = this.whole ? this.whole.clock.isPlaying : !this.media.paused && !this.media.ended;
    this.resumeAtMs = Math.max(this.resumeAtMs, this.media.currentTime * 1000);
    try {
      this.access = await this.answers.renew();
    } catch (caught) {
      if (caught instanceof Problem && isGone(caught)) this.answers.gone();
      else
        this.#cover(note("danger", sentenceOf(caught), { label: t("shell.retry"), act: () => this.renew() }));
      return;
    }
    this.#dropSides();
    this.#uncover();
    this.#load();
    this.resumeAtMs = 0;
    if (this.isTogether) await this.#togetherAgain(playing);
    else if (playing) this.media.play().catch(() => {});
    this.clock.start(this.access.left_ms);
    say(t("link.renewed"));
  }

  /** @param {boolean} playing */
  async #togetherAgain(playing) {
    try {
      await this.#together();
      if (playing) this.whole?.clock.play();
    } catch (caught) {
      this.bar.prepend(note("danger", sentenceOf(caught)));
    }
  }

  /** Give the right back before its time. */
  async close() {
    this.stop();
    await api("DELETE", `/v1/links/${this.access.id}`).catch(() => {}); // it dies by itself all the same
    this.answers.closed();
  }

  stop() {
    this.#dropSides();
    this.clock.stop();
    this.media.pause();
    this.media.removeAttribute("src");
    this.media.load();
    this.wave.destroy();
  }

  #ended() {
    this.#dropSides();
    this.resumeAtMs = this.media.currentTime * 1000;
    this.media.pause();
    this.clock.stop();
    const ended = el(
      "div",
      { class: "ended" },
      el("h2", {}, t("link.ended_title")),
      el("p", {}, t("link.ended_text")),
      el("button", { type: "button", class: "primary", onclick: () => this.renew() }, t("link.renew_long")),
    );
    this.#cover(ended);
    say(t("link.ended_title"));
  }

  /** @param {HTMLElement} instead */
  #cover(instead) {
    const focused = this.element.contains(document.activeElement);
    this.screen.replaceChildren(this.media, el("div", { class: "cover" }, instead));
    this.media.hidden = true;
    this.bar.inert = true;
    if (focused) instead.querySelector("button")?.focus();
  }

  #uncover() {
    const focused = this.screen.contains(document.activeElement);
    this.screen.replaceChildren(this.media);
    this.media.hidden = false;
    this.bar.inert = false;
    if (focused) this.media.focus({ preventScroll: true });
  }

  /** The element says only that it failed; the API says why. */
  async #failed() {
    if (!this.media.getAttribute("src")) return;
    const at = this.media.currentTime * 1000;
    const why = await probe(this.access.urls.media);
    if (why && isGone(why)) this.answers.gone();
    else if (why && [401, 403, 404].includes(why.status)) this.#ended();
    else {
      const unsupported = why === null && this.media.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED;
      const codecs = (this.item.codecs ?? []).map(codecName).join(", ");
      const sentence = unsupported ? t("player.unsupported", { codecs }) : t("player.failed");
      this.#cover(note("danger", sentence, { label: t("shell.retry"), act: () => this.renew() }));
    }
    this.resumeAtMs = at;
  }
}

/** Whether it was erased, or restricted, while it was open. @param {Problem} why */
const isGone = (why) => why.status === 410 || why.code === "restricted";

/**
 * Why the media path refuses, or null where it serves.
 * @param {string} path
 * @returns {Promise<Problem | null>}
 */
async function probe(path) {
  try {
    await api("GET", path, { headers: { Range: "bytes=0-0" }, staySignedOut: true });
    return null;
  } catch (caught) {
    return caught instanceof Problem ? caught : null;
  }
}
