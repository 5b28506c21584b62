// @ts-check
/** The time an access has left, counted down where the person can see it. */

import { clock, spokenDuration } from "../shared/i18n.js";
import { el, say } from "./dom.js";
import { language, t } from "./words.js";

const SOON_MS = 60_000; // time to finish a sentence, and to find the button without a mouse

/** Counts one link down, warns once, and tells when it has ended. */
export class LinkClock {
  /** @param {{renew: () => void, close: () => void, ended: () => void}} answers */
  constructor(answers) {
    this.answers = answers;
    this.endsAt = 0;
    this.warned = false;
    /** @type {number | undefined} */ this.timer = undefined;
    // No live region: a countdown that speaks every second would be unbearable.
    this.text = el("span", { class: "link-left" });
    const button = (/** @type {"renew" | "close"} */ act) =>
      el(
        "button",
        {
          type: "button",
          class: "quiet small",
          "aria-label": t(`link.${act}_said`),
          onclick: () => answers[act](),
        },
        t(`link.${act}`),
      );
    this.element = el("div", { class: "link" }, this.text, button("renew"), button("close"));
  }

  /** @param {number} leftMs */
  start(leftMs) {
    this.stop();
    this.endsAt = performance.now() + leftMs;
    this.warned = leftMs <= SOON_MS; // a link this short was asked for: no warning on arrival
    this.#tick();
    this.timer = setInterval(() => this.#tick(), 1000);
  }

  stop() {
    clearInterval(this.timer);
  }

  #tick() {
    const left = this.endsAt - performance.now();
    if (left <= 0) {
      this.stop();
      this.answers.ended();
      return;
    }
    this.element.classList.toggle("link-soon", left <= SOON_MS);
    this.text.replaceChildren(
      el("span", { "aria-hidden": "true" }, t("link.left", { time: clock(left) })),
      el(
        "span",
        { class: "cv-said" },
        t("link.left", { time: spokenDuration(language, Math.ceil(left / 60_000) * 60_000) }),
      ),
    );
    if (left <= SOON_MS && !this.warned) {
      this.warned = true;
      say(t("link.soon"));
    }
  }
}
