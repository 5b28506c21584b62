// @ts-check
/** Small buttons on the pictures: a window of its own for the large one, and the other camera of a phone. */

import { hasTwoSides } from "../shared/cameras.js";
import { canFloat, float } from "../shared/float.js";
import { icon } from "../shared/icons.js";
import { deviceTrouble } from "./device_help.js";
import { el } from "./dom.js";
import { t } from "./words.js";

export class StageTools {
  #canFlip = false;
  #hadCamera = false;
  #isTurning = false;
  #look = () => void this.#lookForCameras();

  /**
   * @param {import("./call.js").Call} call
   * @param {() => HTMLVideoElement | null} picture  the one that matters most, while it moves
   * @param {HTMLElement} trouble  where to say what did not work
   */
  constructor(call, picture, trouble) {
    this.call = call;
    this.picture = picture;
    this.trouble = trouble;
    this.pip = tool("pip", () => float(this.picture()));
    this.flip = tool("flip", () => this.#turn());
    label(this.flip, t("call.flip"));
    this.element = el("div", { class: "stage-tools" }, this.flip, this.pip);
    navigator.mediaDevices?.addEventListener("devicechange", this.#look);
  }

  reflect() {
    const { hasCamera } = this.call;
    if (hasCamera && !this.#hadCamera) this.#look(); // cameras are counted once one may be used
    this.#hadCamera ||= hasCamera;
    this.flip.hidden = !this.#canFlip || !(hasCamera || this.#isTurning);
    const isOut = Boolean(document.pictureInPictureElement);
    label(this.pip, t(isOut ? "call.pip_back" : "call.pip"));
    this.pip.hidden = !canFloat() || !(isOut || this.picture());
  }

  close() {
    navigator.mediaDevices?.removeEventListener("devicechange", this.#look);
    if (document.pictureInPictureElement) document.exitPictureInPicture().catch(() => {});
  }

  async #lookForCameras() {
    this.#canFlip = await hasTwoSides();
    this.reflect();
  }

  async #turn() {
    if (this.#isTurning) return;
    this.#isTurning = true;
    this.trouble.replaceChildren();
    await this.call.flip().catch((caught) => this.trouble.replaceChildren(deviceTrouble(caught)));
    this.#isTurning = false;
    this.reflect();
  }
}

/** @param {import("../shared/icons.js").IconName} picture @param {() => void} act */
function tool(picture, act) {
  return el("button", { type: "button", class: "stage-tool", hidden: true, onclick: act }, icon(picture));
}

/** @param {HTMLButtonElement} button @param {string} words */
function label(button, words) {
  if (button.title === words) return;
  button.title = words;
  button.setAttribute("aria-label", words);
}
