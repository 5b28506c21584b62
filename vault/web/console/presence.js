// @ts-check
/** The switch that says whether calls may ring here. */

import { api, sentenceOf } from "./api.js";
import { byId, say } from "./dom.js";
import { t } from "./words.js";

/** The switch of the page's head: it shows what the server knows, never what was merely pressed. */
export class Presence {
  /** @param {(sentence: string) => void} failed */
  constructor(failed) {
    this.failed = failed;
    this.element = /** @type {HTMLButtonElement} */ (byId("presence"));
    this.element.addEventListener("click", () => this.#turn());
  }

  get isOn() {
    return this.element.getAttribute("aria-checked") === "true";
  }

  /** @param {boolean} isAvailable */
  show(isAvailable) {
    this.element.setAttribute("aria-checked", String(isAvailable));
    this.element.removeAttribute("aria-busy");
  }

  async #turn() {
    if (this.element.hasAttribute("aria-busy")) return;
    this.element.setAttribute("aria-busy", "true");
    try {
      const { body } = await api("PUT", "/v1/me/presence", { body: { available: !this.isOn } });
      this.show(body.available);
      say(t(body.available ? "presence.now_on" : "presence.now_off"));
    } catch (caught) {
      this.element.removeAttribute("aria-busy");
      this.failed(sentenceOf(caught));
    }
  }
}
