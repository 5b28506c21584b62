// @ts-check
/** Looking at oneself before the call: microphone, camera and which of them, for the visitor alone. */

import { h } from "./dom.js";
import { pickersOf } from "./pickers.js";
import { plainButton } from "./parts.js";
import { selfTile } from "./stage.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */

const TICK_MS = 100;

/**
 * @param {Scene} scene
 */
export function checkOf(scene) {
  const { t, actions } = scene;
  const self = selfTile(scene);
  const pickers = pickersOf(scene);
  const words = h("p", { class: "aside" });
  const stage = h("div", { class: "stage" }, self.node);
  const node = h("div", { class: "check", hidden: true }, stage, words, pickers.node);
  const begin = plainButton(t("asking.check"), () => actions.check());
  const timer = setInterval(self.draw, TICK_MS);
  const show = (/** @type {Model} */ model) => {
    const { stream, checking, checkFailure, video } = model;
    node.hidden = !checking && !checkFailure;
    stage.hidden = !stream;
    begin.hidden = checking;
    words.textContent = checkFailure
      ? t("asking.check_failed")
      : t(stream ? (video ? "asking.check_both" : "asking.check_voice") : "asking.check_wait");
    self.show(model);
    pickers.show(model);
    if (stream && pickers.node.hidden) pickers.toggle();
  };
  const close = () => {
    clearInterval(timer);
    self.close();
    pickers.close();
  };
  return { node, begin, show, close };
}
