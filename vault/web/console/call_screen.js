// @ts-check
/** The call on the screen: its state, its pictures, what can be done, what features add, and its last page. */

import { blockedPage } from "./call_blocked.js";
import { Controls } from "./call_controls.js";
import { callEnd } from "./call_end.js";
import { extrasOf } from "./call_extras.js";
import { badgeWords } from "./call_recording.js";
import { Stage } from "./call_stage.js";
import { callStrip, timer } from "./call_strip.js";
import { byId, el, say } from "./dom.js";
import { visitorName } from "./incoming.js";
import { t } from "./words.js";

const TICK_MS = 500;

export class CallScreen {
  /**
   * @param {import("./call.js").Call} call
   * @param {{closed: () => void}} answers
   */
  constructor(call, answers) {
    this.call = call;
    this.answers = answers;
    this.main = byId("content");
    this.title = el("h1", { id: "call-title", tabindex: "-1" }, this.visitor);
    this.recorded = el("span", { class: "badge" });
    this.state = el("span", { role: "status" });
    this.time = el("span", { class: "muted" });
    this.sub = el("p", { class: "call-sub" }, this.recorded, this.state, this.time);
    this.trouble = el("div", { class: "trouble" });
    this.body = el("div", { class: "call-body" });
    this.element = el(
      "section",
      { class: "call", "aria-labelledby": "call-title" },
      el("header", { class: "call-head" }, this.title, this.sub),
      this.trouble,
      this.body,
    );
    this.stage = new Stage(call, (leg) => this.nameOf(leg), this.trouble);
    this.extras = extrasOf(this);
    this.controls = new Controls(call, this.trouble, this.extras.controls);
    this.strip = callStrip(call, this.visitor);
    this.shown = "";
    this.reflect = () => this.#reflect();
    /** @type {number | undefined} */ this.timer = undefined;
  }

  get isRecorded() {
    const state = this.call.recording?.state;
    if (state) return ["recording", "paused", "full"].includes(state);
    return this.call.card ? Boolean(this.call.card.recorded) : this.call.call.consent === "accepted";
  }

  /** What the visitor is called. */
  get visitor() {
    return visitorName(this.call.card);
  }

  /** Put it in the place of the page, and begin. */
  enter() {
    for (const media of document.querySelectorAll("main video, main audio"))
      /** @type {HTMLMediaElement} */ (media).pause();
    this.main.append(this.element);
    byId("desk").append(this.strip.element);
    this.call.addEventListener("change", this.reflect);
    this.timer = setInterval(this.reflect, TICK_MS);
    this.follow(location.hash);
    if (!this.call.isOver) this.call.begin();
    this.reflect();
  }

  leave() {
    this.call.finish("left");
    this.call.removeEventListener("change", this.reflect);
    clearInterval(this.timer);
    this.controls.close();
    this.stage.close();
    this.extras.close();
    this.strip.element.remove();
    this.element.remove();
    this.main.classList.remove("in-call");
  }

  /** The address says whether the call or the page behind it is looked at. @param {string} hash */
  follow(hash) {
    const isHere = hash === `#/call/${this.call.id}`;
    if (!isHere && this.call.isOver) {
      this.leave();
      this.answers.closed();
      return;
    }
    this.main.classList.toggle("in-call", isHere);
    this.strip.element.hidden = isHere || this.call.isOver;
    if (isHere) this.title.focus({ preventScroll: true });
  }

  /** @param {import("./feed.js").Leg} leg */
  nameOf(leg) {
    const name = leg.role === "visitor" ? leg.name || this.visitor : leg.name || t("role.agent");
    return leg.kind === "screen" ? t("call.screen_of", { name }) : name;
  }

  #reflect() {
    const { call } = this;
    this.#badge();
    const state = this.#stateInWords();
    if (this.state.textContent !== state) this.state.textContent = state; // a status is read at each change
    const nowMs = call.isOver ? 0 : call.liveSince && performance.now() - call.liveSince;
    for (const place of [this.time, this.strip.time]) place.replaceChildren(...(nowMs ? timer(nowMs) : []));
    this.controls.reflect();
    this.#arrange();
    if (call.isOver) return;
    this.extras.reflect();
    this.stage.say(t(call.phase === "live" ? "call.alone" : `call.${call.phase}_text`));
    this.stage.reflect();
  }

  /** One page for each kind of moment; what is in it is kept while the moment lasts. */
  #arrange() {
    const { phase, reason } = this.call;
    const wanted = phase === "ended" ? "ended" : phase === "blocked" ? `blocked ${reason}` : "talking";
    if (wanted === this.shown) return;
    const focused = this.body.contains(document.activeElement);
    this.shown = wanted;
    this.trouble.replaceChildren();
    if (phase === "ended") this.#showEnd();
    else if (phase === "blocked") this.body.replaceChildren(blockedPage(this.call));
    else this.body.replaceChildren(...this.#talking());
    if (focused || phase === "ended") this.title.focus({ preventScroll: true });
  }

  #talking() {
    const { banners, sections } = this.extras;
    return [
      el("div", { class: "call-main" }, banners, this.stage.element, this.controls.element),
      el("div", { class: "call-side" }, sections),
    ];
  }

  #showEnd() {
    this.controls.close();
    this.stage.close();
    this.extras.close();
    this.strip.element.hidden = true;
    const goesOn = this.call.reason === "elsewhere";
    this.title.textContent = t(goesOn ? "over.elsewhere_title" : "over.title", { name: this.visitor });
    const closed = () => {
      this.leave();
      this.answers.closed();
    };
    this.body.replaceChildren(callEnd(this.call, { isRecorded: this.isRecorded, closed }));
    if (this.main.classList.contains("in-call")) {
      say(t(goesOn ? "over.elsewhere" : "over.said"));
    } else {
      location.hash = `#/call/${this.call.id}`; // whoever was on the page behind it sees what was kept
    }
  }

  #badge() {
    this.sub.hidden = this.call.isOver;
    this.recorded.className = this.isRecorded ? "badge badge-capturing" : "badge";
    const instead = badgeWords(this.call.recording?.state);
    const words = instead || t(this.isRecorded ? "call.badge_recorded" : "call.badge_not_recorded");
    if (this.recorded.textContent !== words) this.recorded.textContent = words;
  }

  #stateInWords() {
    const { call } = this;
    if (call.isOver) return "";
    if (call.phase !== "live") return t(`call.${call.phase}`);
    const feeds = [...call.feeds.values()];
    const worst = ["lost", "connecting"].find((state) => feeds.some((feed) => feed.state === state));
    const others = worst ? t(`call.feed_${worst}`) : t(feeds.length ? "call.live" : "call.alone");
    return call.isMuted ? `${others} · ${t("call.muted")}` : others;
  }
}
