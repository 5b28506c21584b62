// @ts-check
/** The row of what can be pressed during a call. */

import { icon } from "../shared/icons.js";
import { openDeviceDialog } from "./call_devices.js";
import { deviceTrouble } from "./device_help.js";
import { el } from "./dom.js";
import { t } from "./words.js";

/** @typedef {ReturnType<typeof control>} Control */

/** @param {import("../shared/icons.js").IconName} name @param {() => void} act @param {string} [tone] */
export function control(name, act, tone = "control") {
  const words = el("span", {});
  const button = el("button", { type: "button", class: tone, onclick: act }, icon(name), words);
  return {
    button,
    /** @param {import("../shared/icons.js").IconName} picture @param {string} sentence */
    show(picture, sentence) {
      if (words.textContent === sentence) return;
      words.textContent = button.title = sentence;
      button.replaceChildren(icon(picture), words);
    },
  };
}

/** Microphone, camera, what features add, devices, hang up. */
export class Controls {
  /**
   * @param {import("./call.js").Call} call
   * @param {HTMLElement} trouble  where to say what did not work
   * @param {Control[]} more
   */
  constructor(call, trouble, more) {
    this.call = call;
    this.trouble = trouble;
    this.mic = control("mic", () => call.mute(!call.isMuted));
    this.camera = control("camera", () => this.#turnCamera());
    this.devices = control("devices", () => this.#chooseDevices());
    this.bye = control("hangUp", () => call.hangUp(), "danger");
    /** @type {HTMLDialogElement | null} */ this.dialog = null;
    this.element = el(
      "div",
      { class: "controls", role: "group", "aria-label": t("call.controls") },
      this.mic.button,
      call.wantsVideo && this.camera.button,
      more.map(({ button }) => button),
      this.devices.button,
      this.bye.button,
    );
  }

  reflect() {
    const { call } = this;
    this.mic.show(call.isMuted ? "micOff" : "mic", t(call.isMuted ? "call.unmute" : "call.mute"));
    this.camera.show(
      call.hasCamera ? "camera" : "cameraOff",
      t(call.hasCamera ? "call.camera_off" : "call.camera_on"),
    );
    this.mic.button.dataset.off = String(call.isMuted);
    this.camera.button.dataset.off = String(!call.hasCamera);
    this.devices.show("devices", t("call.devices"));
    this.bye.show("hangUp", t("call.hang_up"));
  }

  close() {
    this.dialog?.close();
  }

  async #turnCamera() {
    try {
      await this.call.turnCamera(!this.call.hasCamera);
      this.trouble.replaceChildren();
    } catch (caught) {
      this.trouble.replaceChildren(deviceTrouble(caught));
    }
  }

  async #chooseDevices() {
    this.dialog = await openDeviceDialog(this.call);
  }
}
