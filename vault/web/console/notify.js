// @ts-check
/** A notification of the system when a call rings and this window is behind others: only for whoever asked for it. */

import { icon } from "../shared/icons.js";
import { el, say } from "./dom.js";
import { t } from "./words.js";

const CAN = typeof Notification === "function";

/** It names the button, never the visitor: such a note stays on screens that others see. */
export class Notifier {
  /** @type {Map<string, Notification>} by call */ #shown = new Map();

  /** @param {HTMLElement} neighbour  beside which the question stands */
  constructor(neighbour) {
    this.button = el(
      "button",
      { type: "button", class: "quiet notify", onclick: () => this.#ask() },
      icon("bell"),
      t("desk.notify"),
    );
    if (CAN && Notification.permission === "default") neighbour.after(this.button);
  }

  /** @param {string} callId @param {string} button  its name @param {() => void} opened */
  ring(callId, button, opened) {
    if (!CAN || Notification.permission !== "granted" || document.hasFocus()) return;
    const options = { body: button, tag: callId, icon: "/assets/console/icon.svg", requireInteraction: true };
    try {
      const shown = new Notification(t("desk.eyebrow"), options);
      shown.addEventListener("click", () => {
        window.focus();
        shown.close();
        opened();
      });
      this.#shown.set(callId, shown);
    } catch {
      // A phone's browser shows them through a service worker only: the page still rings.
    }
  }

  /** @param {string} callId */
  silence(callId) {
    this.#shown.get(callId)?.close();
    this.#shown.delete(callId);
  }

  async #ask() {
    const answer = await Notification.requestPermission();
    this.button.remove();
    say(t(answer === "granted" ? "desk.notify_on" : "desk.notify_off"));
  }
}
