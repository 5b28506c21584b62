// @ts-check
/** The panel of a running call: time, whether it is recorded, self-view, microphone, camera, hang up. */

import { clock } from "../shared/i18n.js";
import { h, icon } from "./dom.js";
import { loudness } from "./media.js";
import { title } from "./parts.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */

const TICK_MS = 100; // the level bars; the clock changes once a second
const BARS = 5;

/**
 * @param {Model} model
 * @param {Scene} scene
 * @returns {import("./parts.js").Panel}
 */
export function livePanel(model, scene) {
  const { t } = scene;
  const time = h("span", { class: "time", role: "timer", "aria-label": t("live.time") }, "0:00");
  const stage = stageOf(scene);
  const controls = controlsOf(model, scene);
  const trouble = h("p", { class: "trouble", hidden: true }, icon("warning"), t("live.unstable"));
  const node = h(
    "div",
    { class: "panel live" },
    h("div", { class: "bar" }, recordingBadge(model.choice === "accepted", scene), time),
    title(t("live.title", { tenant: model.notice?.tenant_name ?? "" })),
    stage.node,
    trouble,
    controls.node,
  );
  const update = (/** @type {Model} */ now) => {
    stage.show(now);
    controls.show(now);
    if (trouble.hidden === !now.unstable) return;
    trouble.hidden = !now.unstable;
    scene.say(t(now.unstable ? "live.unstable" : "live.stable"));
  };
  update(model);
  const level = loudness(model.stream ?? new MediaStream());
  const timer = setInterval(() => {
    setText(time, clock(Date.now() - (model.startedAt ?? Date.now())));
    stage.draw(level.read());
  }, TICK_MS);
  const close = () => {
    clearInterval(timer);
    level.close();
  };
  return { node, update, close };
}

/**
 * @param {boolean} recorded
 * @param {Scene} scene
 */
function recordingBadge(recorded, { t }) {
  const label = t(recorded ? "live.recorded" : "live.not_recorded");
  return h("span", { class: recorded ? "badge recorded" : "badge" }, h("span", { class: "dot" }), label);
}

/** The self-view, or the bars alone when there is no picture.
 * @param {Scene} scene
 */
function stageOf({ t }) {
  const video = h("video", { autoplay: true, playsinline: true, "aria-hidden": "true", tabindex: "-1" });
  video.muted = true;
  const bars = Array.from({ length: BARS }, () => h("span"));
  const meter = h("div", { class: "meter", "aria-hidden": "true" }, ...bars);
  const figure = h("div", { class: "stage" }, video, h("div", { class: "tag" }, meter, t("live.you")));
  const show = (/** @type {Model} */ { stream, cameraOn, muted }) => {
    const picture = cameraOn && stream?.getVideoTracks().length ? stream : null;
    if (video.srcObject !== picture) video.srcObject = picture;
    figure.classList.toggle("no-picture", !picture);
    figure.classList.toggle("is-muted", muted);
  };
  const draw = (/** @type {number} */ level) => {
    for (const [index, bar] of bars.entries()) bar.classList.toggle("on", level * BARS > index + 0.3);
  };
  return { node: figure, show, draw };
}

/**
 * @param {Model} model
 * @param {Scene} scene
 */
function controlsOf(model, { t, actions, say }) {
  const microphone = toggle("mic", "micOff", t("live.microphone"), (muted) => {
    actions.mute(muted);
    say(t(muted ? "live.muted" : "live.unmuted"));
  });
  const camera = toggle("camera", "cameraOff", t("live.camera"), (off) => {
    void actions.switchCamera(!off);
    say(t(off ? "live.camera_is_off" : "live.camera_is_on"));
  });
  const hangUp = control("hang-up", [icon("phone")], t("live.hang_up"), actions.hangUp);
  const show = (/** @type {Model} */ now) => {
    microphone.show(now.muted, t(now.muted ? "live.unmute" : "live.mute"));
    camera.show(!now.cameraOn, t(now.cameraOn ? "live.camera_off" : "live.camera_on"));
  };
  return { node: h("div", { class: "controls" }, microphone.node, model.video && camera.node, hangUp), show };
}

/**
 * A round picture with a word below it.
 * @param {string} name
 * @param {SVGElement[]} pictures
 * @param {string} word
 * @param {() => void} act
 */
function control(name, pictures, word, act) {
  const round = h("span", { class: "round" }, ...pictures);
  return h("button", { type: "button", class: `control ${name}`, click: act }, round, word);
}

/**
 * A control that is on or off. Its spoken name is what pressing does, and holds the word shown below it;
 * its picture shows how things are.
 * @param {import("./dom.js").IconName} on
 * @param {import("./dom.js").IconName} off
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

/** Only a change is written: rewriting the same words makes some screen readers repeat them.
 * @param {HTMLElement} element
 * @param {string} words
 */
function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
