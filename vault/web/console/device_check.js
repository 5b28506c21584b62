// @ts-check
/** Looking at oneself before a call: a level for the microphone, a picture of the camera, and which of them. */

import { icon } from "../shared/icons.js";
import { deviceChoices } from "./call_devices.js";
import { deviceTrouble } from "./device_help.js";
import { el } from "./dom.js";
import { Rehearsal } from "./rehearsal.js";
import { t } from "./words.js";

/** The button in the page's head, and the dialog behind it. */
export class DeviceCheck {
  /** @type {HTMLDialogElement | null} */ #dialog = null;

  /** @param {HTMLElement} neighbour  beside which the button stands */
  constructor(neighbour) {
    this.button = el(
      "button",
      { type: "button", class: "quiet notify check-open", "aria-haspopup": "dialog", onclick: () => this.#open() },
      icon("devices"),
      t("check.open"),
    );
    neighbour.after(this.button);
  }

  /** A call comes first: the dialog would lie over it, and hold the devices. */
  close() {
    this.#dialog?.close();
  }

  #open() {
    const look = new Look();
    this.#dialog = look.dialog;
    document.body.append(look.dialog);
    look.dialog.showModal();
    look.begin({ video: true });
  }
}

/** One look, from its opening to its end. */
class Look {
  #rehearsal = new Rehearsal();
  #close = () => {};

  constructor() {
    this.self = el("video", { autoplay: true, playsinline: true, "aria-label": t("call.self") });
    this.self.muted = true;
    this.picture = el("div", { class: "self check-self", hidden: true }, this.self);
    this.words = el("p", { role: "status" }); // here, for what lies behind a dialog is not said
    this.place = el("div", { class: "check-choices" });
    const done = el("button", { type: "submit", class: "primary" }, t("devices.done"));
    this.dialog = el(
      "dialog",
      { class: "card devices check", "aria-labelledby": "check-title" },
      el(
        "form",
        { method: "dialog" },
        el("h2", { id: "check-title" }, t("check.title")),
        this.picture,
        this.words,
        this.place,
        el("div", {}, done),
      ),
    );
    this.dialog.addEventListener("close", () => {
      this.#close();
      this.#rehearsal.close();
      this.dialog.remove();
    });
  }

  /** @param {{video: boolean}} wish */
  async begin(wish) {
    this.words.textContent = t("check.wait");
    this.place.replaceChildren();
    try {
      await this.#rehearsal.open(wish);
    } catch (caught) {
      this.words.textContent = "";
      this.place.replaceChildren(...this.#refused(caught, wish));
      return;
    }
    if (!this.dialog.open) return;
    this.self.srcObject = this.#rehearsal.stream;
    this.picture.hidden = !wish.video;
    this.words.textContent = t(wish.video ? "check.both" : "check.voice");
    const choices = await deviceChoices(this.#rehearsal);
    if (!this.dialog.open) return choices.close();
    this.#close = choices.close;
    this.place.replaceChildren(...choices.fields);
  }

  /** @param {unknown} caught @param {{video: boolean}} wish */
  #refused(caught, wish) {
    const again = el("button", { type: "button", class: "secondary", onclick: () => this.begin(wish) }, t("shell.retry"));
    const voice = el(
      "button",
      { type: "button", class: "secondary", onclick: () => this.begin({ video: false }) },
      t("check.voice_only"),
    );
    return [deviceTrouble(caught), el("div", { class: "ring-buttons" }, again, wish.video && voice)];
  }
}
