// @ts-check
/**
 * The visitor's camera: on and off, the other way round, and why it did not open. Who began with sound alone may be
 * seen after all; where the call is recorded they are told first that their picture will be, too.
 */

import { hasTwoSides } from "../shared/cameras.js";
import { stepsToAllow } from "./allowing.js";
import { control, toggle } from "./controls.js";
import { h, icon } from "./dom.js";
import { isRecorded, presentNames } from "./live_words.js";
import { mainButton, plainButton } from "./parts.js";
import { upperFirst } from "./stage.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */

/** @type {import("./extras.js").Feature} */
export function camera(model, scene) {
  const { t, actions, say } = scene;
  if (!model.canBeSeen) return { show: () => undefined };
  let now = model;
  const line = lineOf(scene, { yes: () => void turn(true), done: () => ask(false) });
  const turn = async (/** @type {boolean} */ on) => {
    if (line.isAsked) ask(false);
    await actions.switchCamera(on);
    if (now.cameraOn === on) say(t(on ? "live.camera_is_on" : "live.camera_is_off"));
  };
  const ask = (/** @type {boolean} */ wanted) => {
    line.ask(wanted, now);
    if (!wanted) button.node.focus();
  };
  const press = (/** @type {boolean} */ off) => {
    if (!off && !now.video && isRecorded(now)) ask(!line.isAsked);
    else void turn(!off);
  };
  const button = toggle("camera", "cameraOff", t("live.camera"), press);
  const flip = control("flip", [icon("flip")], t("live.flip"), () => void actions.flip());
  flip.setAttribute("aria-label", t("live.flip_camera"));
  flip.hidden = true;
  let canFlip = false;
  const look = async () => {
    canFlip = await hasTwoSides();
    flip.hidden = !canFlip || !now.video;
  };
  const show = (/** @type {Model} */ next) => {
    const isNew = next.video && !now.video; // from here on cameras may be counted
    now = next;
    button.show(!now.cameraOn, t(now.cameraOn ? "live.camera_off" : "live.camera_on"));
    flip.disabled = !now.cameraOn;
    flip.hidden = !canFlip || !now.video;
    line.show(now);
    if (isNew) void look();
  };
  void look();
  return { banner: line.node, buttons: [button.node, flip], show };
}

/**
 * The line above the pictures: the question before the first picture, or why there is none.
 * @param {Scene} scene
 * @param {{yes: () => void, done: () => void}} answers
 */
function lineOf(scene, answers) {
  const { t, say } = scene;
  const words = h("p");
  const steps = h("div", { class: "allow" }, ...stepsToAllow(scene));
  const yes = mainButton(t("live.camera_on"), answers.yes);
  const no = plainButton(t("cancel"), answers.done);
  const close = plainButton(t("close"), () => {
    isRead = true;
    answers.done();
  });
  const node = h(
    "div",
    { class: "share", hidden: true },
    icon("camera"),
    words,
    steps,
    h("div", { class: "share-buttons" }, yes, no, close),
  );
  const line = { node, isAsked: false, ask, show };
  let isRead = false;
  /** @param {boolean} wanted @param {Model} model */
  function ask(wanted, model) {
    line.isAsked = wanted;
    show(model);
    if (wanted) yes.focus();
  }
  /** @param {Model} model */
  function show(model) {
    if (model.cameraOn) line.isAsked = isRead = false;
    const why = line.isAsked || isRead ? null : model.cameraTrouble;
    const told = line.isAsked ? askedWords(model, scene) : why ? t(`permission.${why}`) : "";
    if (why && told !== words.textContent) say(told);
    words.textContent = told;
    node.hidden = !told;
    steps.hidden = why !== "media_denied";
    [yes.hidden, no.hidden, close.hidden] = [!line.isAsked, !line.isAsked, line.isAsked];
  }
  return line;
}

/** @param {Model} model @param {Scene} scene */
function askedWords(model, { t, language }) {
  return t("live.camera_question", { name: upperFirst(presentNames(model, language) || t("live.somebody")) });
}
