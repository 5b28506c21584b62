// @ts-check
/** What the visitor can press during a call. */

import { h, icon } from "./dom.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */
/** @typedef {import("./dom.js").IconName} IconName */

/**
 * Microphone, camera, what features add, hang up: round, with a word below.
 * @param {Model} model
 * @param {Scene} scene
 * @param {HTMLElement[]} more
 */
export function controlsOf(model, { t, actions, say }, more) {
  const microphone = toggle("mic", "micOff", t("live.microphone"), (muted) => {
    actions.mute(muted);
    say(t(muted ? "live.muted" : "live.unmuted"));
  });
  const camera = toggle("camera", "cameraOff", t("live.camera"), (off) => {
    void actions.switchCamera(!off);
    say(t(off ? "live.camera_is_off" : "live.camera_is_on"));
  });
  const flip = control("flip", [icon("flip")], t("live.flip"), () => void actions.flip());
  flip.setAttribute("aria-label", t("live.flip_camera"));
  flip.hidden = true;
  const hangUp = control("hang-up", [icon("phone")], t("live.hang_up"), actions.hangUp);
  if (model.video) void hasTwoSides().then((can) => (flip.hidden = !can));
  const show = (/** @type {Model} */ now) => {
    microphone.show(now.muted, t(now.muted ? "live.unmute" : "live.mute"));
    camera.show(!now.cameraOn, t(now.cameraOn ? "live.camera_off" : "live.camera_on"));
    flip.disabled = !now.cameraOn;
  };
  const pictures = model.video ? [camera.node, flip] : [];
  return { node: h("div", { class: "controls" }, microphone.node, ...pictures, ...more, hangUp), show };
}

/** Something held in the hand, with more than one camera. */
async function hasTwoSides() {
  if (!matchMedia("(pointer: coarse)").matches) return false;
  const found = await navigator.mediaDevices.enumerateDevices();
  return found.filter(({ kind }) => kind === "videoinput").length > 1;
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
function toggle(on, off, word, act) {
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
