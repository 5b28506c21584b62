// @ts-check
/** A call played as a whole: its sides beside each other, one timeline from its beginning to its end. */

import { clock as clockText, spokenDuration } from "../shared/i18n.js";
import { icon } from "../shared/icons.js";
import { CallClock } from "./call_clock.js";
import { SideView } from "./companion.js";
import { el, say } from "./dom.js";
import { keyTargets } from "./waveform.js";
import { language, t } from "./words.js";

const STEP_S = 10;
const SPEEDS = [0.5, 1, 1.25, 1.5, 2];

/**
 * @typedef {{item: any, name: string, media: HTMLMediaElement, wave: import("./waveform.js").Waveform,
 *   element: HTMLElement}} Played
 * @typedef {import("./call_timeline.js").CallTimeline} CallTimeline
 */

export class CallPlayer {
  /**
   * @param {Played[]} sides  the one the page is of comes first
   * @param {CallTimeline | null} call
   * @param {{fullScreen: () => void}} acts
   */
  constructor(sides, call, acts) {
    const begins = beginsOf(sides, call);
    const ends = sides.map(({ item }, at) => begins[at] + item.duration_ms / 1000);
    this.clock = new CallClock(Math.max((call?.totalMs ?? 0) / 1000, ...ends));
    const totalS = this.clock.totalS;
    this.played = sides.map((side, at) => {
      const times = { offsetS: begins[at], lengthS: side.item.duration_ms / 1000, totalS };
      const view = new SideView(side, times);
      return { view, side: this.clock.add(side.media, times.offsetS, times.lengthS) };
    });
    this.head = el("span", { class: "call-head" });
    this.slider = this.#makeSlider();
    const tracks = this.played.map(({ view }) => view.track);
    const lanes = el("div", { class: "call-lanes" }, tracks, this.slider);
    const marks = call?.marks(totalS * 1000, (atMs) => this.clock.seek(atMs / 1000));
    this.element = el("div", { class: "call-timeline" }, lanes, marks);
    this.time = el("span", { class: "call-time" });
    const play = { type: "button", class: "primary small play", onclick: () => this.toggle() };
    this.playButton = el("button", play);
    this.transport = this.#makeTransport(acts.fullScreen);
    this.shown = "";
    this.clock.addEventListener("tick", () => this.#show());
    this.frame = requestAnimationFrame(() => this.#paint());
  }

  /**
   * Go to a place of one side.
   * @param {HTMLMediaElement} media
   * @param {number} atS  in its own file
   */
  seekIn(media, atS) {
    const found = this.played.find(({ side }) => side.media === media);
    if (found) this.clock.seek(found.side.offsetS + atS);
  }

  toggle() {
    if (this.clock.isPlaying) this.clock.pause();
    else this.clock.play();
  }

  /** The timeline's keys work on the pictures and the buttons too. @param {KeyboardEvent} event */
  key(event) {
    const on = /** @type {HTMLElement} */ (event.target);
    if (event.altKey || event.ctrlKey || event.metaKey || on.closest("select, .link")) return;
    const targets = keyTargets(this.clock.nowS, this.clock.totalS);
    if (event.key === " " && !on.closest("button")) this.toggle();
    else if (event.key in targets) this.clock.seek(targets[event.key]);
    else return;
    event.preventDefault();
  }

  stop() {
    cancelAnimationFrame(this.frame);
    this.clock.stop();
    for (const { view } of this.played) view.clear();
    this.element.remove();
    this.transport.remove();
  }

  #makeSlider() {
    const slider = el(
      "div",
      {
        class: "call-slider",
        role: "slider",
        tabindex: "0",
        "aria-label": t("together.position"),
        "aria-valuemin": "0",
        "aria-valuemax": String(Math.round(this.clock.totalS)),
        title: t("together.hint"),
      },
      this.head,
    );
    const go = (/** @type {PointerEvent} */ event) => {
      const box = slider.getBoundingClientRect();
      this.clock.seek(((event.clientX - box.left) / box.width) * this.clock.totalS);
    };
    slider.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      slider.setPointerCapture(event.pointerId);
      go(event);
    });
    slider.addEventListener("pointermove", (event) => {
      const isOnItsWay = this.clock.leader?.media.seeking; // the picture it is at is still to come
      if (slider.hasPointerCapture(event.pointerId) && !isOnItsWay) go(event);
    });
    slider.addEventListener("pointerup", (event) => {
      if (slider.hasPointerCapture(event.pointerId)) go(event);
    });
    return slider;
  }

  /** @param {() => void} fullScreen */
  #makeTransport(fullScreen) {
    const step = (/** @type {number} */ byS, /** @type {string} */ words) => {
      const act = () => this.clock.seek(this.clock.nowS + byS);
      return el("button", { type: "button", class: "quiet small", onclick: act }, words);
    };
    const full = { type: "button", class: "quiet small", onclick: fullScreen };
    return el(
      "div",
      { class: "transport" },
      this.playButton,
      this.time,
      this.#makeSpeeds(),
      el("div", { class: "steps" }, step(-STEP_S, t("player.back")), step(STEP_S, t("player.forward"))),
      document.fullscreenEnabled && el("button", full, t("together.full")),
    );
  }

  #makeSpeeds() {
    const written = new Intl.NumberFormat(language);
    const choices = SPEEDS.map((speed) =>
      el("option", { value: speed, selected: speed === 1 }, `${written.format(speed)} ×`),
    );
    const select = el("select", { class: "speed small", "aria-label": t("together.speed") }, choices);
    select.addEventListener("change", () => this.clock.setRate(Number(select.value)));
    return select;
  }

  /** What changes in words changes by the second, not by the picture. */
  #show() {
    const [nowMs, totalMs] = [this.clock.nowS * 1000, this.clock.totalS * 1000];
    const changed = this.played.map(({ view, side }) => view.show(side.presence)).filter(Boolean);
    if (changed.length) say(changed.join(". "));
    const shown = `${clockText(nowMs)} / ${clockText(totalMs)}`;
    if (`${this.clock.isPlaying} ${shown}` === this.shown) return;
    this.shown = `${this.clock.isPlaying} ${shown}`;
    this.time.textContent = shown;
    const does = this.clock.isPlaying ? "pause" : "start";
    this.playButton.replaceChildren(icon(does), t(`together.${does}`));
    const spoken = { now: spokenDuration(language, nowMs), total: spokenDuration(language, totalMs) };
    this.slider.setAttribute("aria-valuenow", String(Math.floor(nowMs / 1000)));
    this.slider.setAttribute("aria-valuetext", t("wave.value", spoken));
  }

  #paint() {
    this.head.style.left = `${(this.clock.nowS / this.clock.totalS) * 100}%`;
    this.frame = requestAnimationFrame(() => this.#paint());
  }
}

/**
 * When each side began, in seconds of the call; by their own stamps where the call does not say it of all.
 * @param {Played[]} sides
 * @param {CallTimeline | null} call
 */
function beginsOf(sides, call) {
  const told = sides.map(({ item }) => call?.offsetMs(item.id) ?? null);
  if (told.every((offset) => offset !== null))
    return told.map((offset) => Math.max(0, Number(offset)) / 1000);
  const stamps = sides.map(({ item }) => Date.parse(item.started_at));
  return stamps.map((stamp) => (stamp - Math.min(...stamps)) / 1000);
}
