// @ts-check
/**
 * Draws the model of a call into a shadow root: the button, a modal dialog until the call is live, then a
 * dock that leaves the page usable (the visitor may want to read from it to the agent).
 */

import { askingPanel } from "./asking.js";
import { connectingPanel, permissionPanel } from "./devices.js";
import { h, icon } from "./dom.js";
import { endedPanel, failedPanel } from "./endings.js";
import { livePanel } from "./live.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./parts.js").Panel} Panel */
/**
 * What the visitor can do.
 * @typedef {{press: () => void, again: () => void, hangUp: () => void, wantVideo: (video: boolean) => void,
 *   choose: (choice: "accepted" | "refused") => void, open: (video: boolean) => void, check: () => void,
 *   mute: (muted: boolean) => void, switchCamera: (on: boolean) => Promise<void>, flip: () => Promise<void>,
 *   useMicrophone: (id: string) => void, useCamera: (id: string) => void, useSpeaker: (id: string) => void,
 *   lookUpRule: () => void, withdraw: () => void, ownLink: () => Promise<string>, unblockSound: () => void, share: () => void,
 *   stopSharing: () => void, write: (text: string) => void, writeAgain: (key: string) => void}} Actions
 */
/**
 * What every panel needs: language, sentences, where to ask about a call, actions, a voice for screen readers.
 * @typedef {{language: import("../shared/i18n.js").Language, t: import("../shared/i18n.js").Translate,
 *   contact: string | null, actions: Actions, say: (words: string) => void}} Scene
 */

/** @type {Readonly<Record<string, (model: Model, scene: Scene) => Panel>>} */
const PANELS = Object.freeze({
  asking: askingPanel,
  permission: permissionPanel,
  connecting: connectingPanel,
  live: livePanel,
  ended: endedPanel,
  failed: failedPanel,
});

export class View {
  /** @type {Scene} */
  #scene;
  #label = h("span");
  #button;
  #dialog;
  #dock;
  /** @type {Panel | null} */
  #panel = null;
  #shown = "";
  /** @type {HTMLElement} the dialog or the dock, whichever is open */
  #surface;

  /**
   * @param {ShadowRoot} root
   * @param {Omit<Scene, "say">} scene
   */
  constructor(root, scene) {
    this.#scene = { ...scene, say: (words) => this.#say(words) };
    const { actions } = scene;
    this.#button = h(
      "button",
      { type: "button", class: "call", part: "button", "aria-haspopup": "dialog", click: actions.press },
      icon("phone"),
      h("slot", {}, this.#label),
    );
    this.#dialog = h("dialog", { class: "surface", "aria-labelledby": "title", part: "dialog" });
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      actions.hangUp();
    });
    this.#dock = h("section", {
      class: "surface dock",
      "aria-labelledby": "title",
      part: "dock",
      hidden: true,
    });
    if ("popover" in this.#dock) this.#dock.popover = "manual";
    this.#surface = this.#dialog;
    root.append(this.#button, this.#dialog, this.#dock);
  }

  /** Brings the keyboard to the open panel: pressing the button again during a call finds the call. */
  focus() {
    this.#surface.querySelector("h2")?.focus();
  }

  /** @param {string} words what the button says when the page gives it no words of its own */
  label(words) {
    this.#label.textContent = words;
  }

  /** @param {Omit<Scene, "say">} scene in another language; the open panel is drawn anew */
  speak(scene) {
    this.#scene = { ...scene, say: this.#scene.say };
    this.#shown = "";
  }

  /** @param {Model} model */
  show(model) {
    const name = [model.state, model.notice !== null, model.deviceFailure].join();
    if (name === this.#shown) return this.#panel?.update?.(model);
    this.#shown = name;
    this.#button.classList.toggle("busy", model.state === "live");
    this.#button.title = model.state === "live" ? this.#scene.t("idle.busy") : "";
    this.#panel?.close?.();
    this.#panel = null;
    if (model.state === "idle") return this.#closeAll();
    this.#panel = PANELS[model.state](model, this.#scene);
    this.#open(model.state === "live" || (this.#surface === this.#dock && model.state !== "asking"));
    const status = h("p", { class: "said", role: "status" });
    this.#surface.replaceChildren(this.#panel.node, status);
    this.#surface.querySelector("h2")?.focus({ preventScroll: true });
  }

  /** @param {boolean} docked */
  #open(docked) {
    const wanted = docked ? this.#dock : this.#dialog;
    if (wanted !== this.#surface) this.#close();
    this.#surface = wanted;
    if (!docked && !this.#dialog.open) this.#dialog.showModal();
    if (!docked || !this.#dock.hidden) return;
    this.#dock.hidden = false;
    this.#dock.showPopover?.();
  }

  #close() {
    this.#surface.replaceChildren();
    if (this.#dialog.open) this.#dialog.close();
    if (this.#dock.hidden) return;
    this.#dock.hidePopover?.();
    this.#dock.hidden = true;
  }

  #closeAll() {
    this.#close();
    this.#surface = this.#dialog;
    this.#button.focus({ preventScroll: true });
  }

  /** @param {string} words */
  #say(words) {
    const status = this.#surface.querySelector("[role=status]");
    if (status) status.textContent = words;
  }
}
