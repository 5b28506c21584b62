// @ts-check
/** The call on the screen: pictures, what can be done, what state it is in, and its last page. */

import { clock, spokenDuration } from "../shared/i18n.js";
import { icon } from "../shared/icons.js";
import { openDeviceDialog } from "./call_devices.js";
import { callEnd } from "./call_end.js";
import { Stage } from "./call_stage.js";
import { DeviceFailure } from "./devices.js";
import { byId, el, note, say } from "./dom.js";
import { cardFacts, visitorName } from "./incoming.js";
import { language, t } from "./words.js";

const TICK_MS = 500;

/** @param {import("../shared/icons.js").IconName} name @param {() => void} act @param {string} [tone] */
function control(name, act, tone = "control") {
  const words = el("span", {});
  const button = el("button", { type: "button", class: tone, onclick: act }, icon(name), words);
  return {
    button,
    /** @param {import("../shared/icons.js").IconName} picture @param {string} sentence */
    show(picture, sentence) {
      if (words.textContent === sentence) return;
      words.textContent = sentence;
      button.replaceChildren(icon(picture), words);
    },
  };
}

export class CallScreen {
  /**
   * @param {import("./call.js").Call} call
   * @param {{closed: () => void}} answers
   */
  constructor(call, answers) {
    this.call = call;
    this.answers = answers;
    this.main = byId("content");
    this.stage = new Stage(call, (leg) => this.#nameOf(leg));
    this.title = el("h1", { id: "call-title", tabindex: "-1" }, this.#title());
    this.recorded = el("span", { class: "badge" });
    this.sub = el("p", { class: "call-sub" });
    this.state = el("span", { role: "status" });
    this.time = el("span", { class: "muted" });
    this.trouble = el("div", { class: "trouble" });
    this.body = el("div", { class: "call-body" });
    this.mic = control("mic", () => call.mute(!call.isMuted));
    this.camera = control("camera", () => this.#turnCamera());
    this.devices = control("devices", () => this.#chooseDevices());
    this.bye = control("hangUp", () => call.hangUp(), "danger");
    this.element = el(
      "section",
      { class: "call", "aria-labelledby": "call-title" },
      el(
        "header",
        { class: "call-head" },
        this.title,
        this.sub,
      ),
      this.trouble,
      this.body,
    );
    this.sub.append(this.recorded, this.state, this.time);
    this.strip = this.#makeStrip();
    this.shown = "";
    /** @type {HTMLDialogElement | null} */ this.dialog = null;
    this.reflect = () => this.#reflect();
    /** @type {number | undefined} */ this.timer = undefined;
  }

  get isRecorded() {
    return this.call.card ? Boolean(this.call.card.recorded) : this.call.call.consent === "accepted";
  }

  /** Put it in the place of the page, and begin. */
  enter() {
    for (const media of document.querySelectorAll("main video, main audio"))
      /** @type {HTMLMediaElement} */ (media).pause();
    this.main.append(this.element);
    byId("desk").append(this.strip);
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
    this.dialog?.close();
    this.strip.remove();
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
    this.strip.hidden = isHere || this.call.isOver;
    if (isHere) this.title.focus({ preventScroll: true });
  }

  #reflect() {
    const { call } = this;
    this.#badge();
    const state = this.#stateInWords();
    if (this.state.textContent !== state) this.state.textContent = state; // a status is read at each change
    const nowMs = call.isOver ? 0 : call.liveSince && performance.now() - call.liveSince;
    for (const place of [this.time, this.stripTime]) place.replaceChildren(...(nowMs ? timer(nowMs) : []));
    this.mic.show(call.isMuted ? "micOff" : "mic", t(call.isMuted ? "call.unmute" : "call.mute"));
    this.camera.show(
      call.hasCamera ? "camera" : "cameraOff",
      t(call.hasCamera ? "call.camera_off" : "call.camera_on"),
    );
    this.mic.button.dataset.off = String(call.isMuted);
    this.camera.button.dataset.off = String(!call.hasCamera);
    this.devices.show("devices", t("call.devices"));
    this.bye.show("hangUp", t("call.hang_up"));
    this.#arrange();
    if (call.isOver) return;
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
    else if (phase === "blocked") this.body.replaceChildren(this.#blocked());
    else this.body.replaceChildren(...this.#talking());
    if (focused || phase === "ended") this.title.focus({ preventScroll: true });
  }

  #talking() {
    const { card } = this.call;
    return [
      el(
        "div",
        { class: "call-main" },
        this.stage.element,
        el(
          "div",
          { class: "controls", role: "group", "aria-label": t("call.controls") },
          this.mic.button,
          this.call.wantsVideo && this.camera.button,
          this.devices.button,
          this.bye.button,
        ),
      ),
      el(
        "aside",
        { class: "card panel call-side", "aria-labelledby": "call-about" },
        el("h2", { id: "call-about" }, t("call.about")),
        card && cardFacts(card),
        el("p", { class: "call-consent" }, this.#recordedInWords()),
      ),
    ];
  }

  #blocked() {
    const { call } = this;
    const again = () => call.begin();
    const silent = () => call.begin({ video: false });
    return el(
      "div",
      { class: "card panel blocked" },
      el("h2", {}, t("call.blocked_title")),
      el("p", {}, t(`blocked.${call.reason}`)),
      call.reason === "denied" && el("p", { class: "muted" }, t("call.blocked_how")),
      el(
        "div",
        { class: "ring-buttons" },
        el("button", { type: "button", class: "primary", onclick: again }, t("shell.retry")),
        call.wantsVideo &&
          el("button", { type: "button", class: "secondary", onclick: silent }, t("call.sound_only")),
        el("button", { type: "button", class: "danger-quiet", onclick: () => call.hangUp() }, t("call.hang_up")),
      ),
    );
  }

  #showEnd() {
    this.dialog?.close();
    this.strip.hidden = true;
    this.title.textContent = t("over.title", { name: this.#title() });
    const closed = () => {
      this.leave();
      this.answers.closed();
    };
    this.body.replaceChildren(callEnd(this.call, { isRecorded: this.isRecorded, closed }));
    if (this.main.classList.contains("in-call")) {
      say(t("over.said"));
    } else {
      location.hash = `#/call/${this.call.id}`; // whoever was on the page behind it sees what was kept
    }
  }

  #badge() {
    this.sub.hidden = this.call.isOver;
    this.recorded.className = this.isRecorded ? "badge badge-capturing" : "badge";
    const words = t(this.isRecorded ? "call.badge_recorded" : "call.badge_not_recorded");
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

  #recordedInWords() {
    if (this.isRecorded) return t("call.recorded");
    return t(this.call.call.consent === "refused" ? "call.refused" : "call.not_recorded");
  }

  #title() {
    return visitorName(this.call.card);
  }

  /** @param {import("./feed.js").Leg} leg */
  #nameOf(leg) {
    const name = leg.role === "visitor" ? leg.name || this.#title() : leg.name || t("role.agent");
    return leg.kind === "screen" ? t("call.screen_of", { name }) : name;
  }

  async #turnCamera() {
    try {
      await this.call.turnCamera(!this.call.hasCamera);
      this.trouble.replaceChildren();
    } catch (caught) {
      const code = caught instanceof DeviceFailure ? caught.code : "unknown";
      this.trouble.replaceChildren(note("danger", t(`blocked.${code}`)));
    }
  }

  async #chooseDevices() {
    this.dialog = await openDeviceDialog(this.call);
  }

  /** What stays of the call while the page behind it is looked at. */
  #makeStrip() {
    this.stripTime = el("span", { class: "muted" });
    const back = () => {
      location.hash = `#/call/${this.call.id}`;
    };
    return el(
      "div",
      { class: "card strip", hidden: true },
      el("p", {}, t("call.with", { name: this.#title() }), " ", this.stripTime),
      el(
        "div",
        { class: "ring-buttons" },
        el("button", { type: "button", class: "primary", onclick: back }, t("call.back")),
        el(
          "button",
          { type: "button", class: "danger-quiet", onclick: () => this.call.hangUp() },
          t("call.hang_up"),
        ),
      ),
    );
  }
}

/** The clock for the eye, whole minutes for the ear. @param {number} nowMs */
function timer(nowMs) {
  return [
    el("span", { "aria-hidden": "true", class: "timer" }, clock(nowMs)),
    el("span", { class: "cv-said" }, spokenDuration(language, nowMs)),
  ];
}
