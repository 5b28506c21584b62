// @ts-check
/** What the visitor can press during a call. */

import { h, icon } from "./dom.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */
/** @typedef {import("./dom.js").IconName} IconName */

/**
 * Microphone, what features add, hang up: round, with a word below.
 * @param {Scene} scene
 * @param {HTMLElement[]} more
 */
export function controlsOf({ t, actions, say }, more) {
  const microphone = toggle("mic", "micOff", t("live.microphone"), (muted) => {
    actions.mute(muted);
    say(t(muted ? "live.muted" : "live.unmuted"));
  });
  const hangUp = control("hang-up", [icon("phone")], t("live.hang_up"), actions.hangUp);
  const show = (/** @type {Model} */ now) => {
    microphone.show(now.muted, t(now.muted ? "live.unmute" : "live.mute"));
  };
  return { node: h("div", { class: "controls" }, microphone.node, ...more, hangUp), show };
}

/**
 * A small button that shows only its picture.
 * @param {IconName} name
 * @param {string} label
 * @param {() => void} act
 */
export function small(name, label, act) {
  return h(
    "button",
    { type: "button", class: `icon-only ${name}`, title: label, "aria-label": label, click: act },
    icon(name),
  );
}

/**
 * A round picture with a word below it.
 * @param {string} name
 * @param {Element[]} pictures
 * @param {string} word
 * @param {() => void} act
 */
export function control(name, pictures, word, act) {
  const round = h("span", { class: "round" }, ...pictures);
  return h("button", { type: "button", class: `control ${name}`, click: act }, round, h("span", {}, word));
}

/**
 * A control that is on or off. Its spoken name is what pressing does, and holds the word shown below it;
 * its picture shows how things are.
 * @param {IconName} on
 * @param {IconName} off
 * @param {string} word
 * @param {(isOff: boolean) => void} act
 */
export function toggle(on, off, word, act) {
  let isOff = false;
  const node = control("toggle", [icon(on), icon(off)], word, () => act(!isOff));
  const show = (/** @type {boolean} */ nowOff, /** @type {string} */ name) => {
    isOff = nowOff;
    node.classList.toggle("off", nowOff);
    node.setAttribute("aria-label", name);
    node.title = name;
  };
  return { node, show };
}
