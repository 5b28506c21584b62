// @ts-check
/** The panels between the answer and the call: the browser's question, what blocks it, connecting. */

import { stepsToAllow } from "./allowing.js";
import { h, icon } from "./dom.js";
import { mainButton, plainButton, title, waiting } from "./parts.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */
/** @typedef {import("./parts.js").Panel} Panel */

/**
 * @param {Model} model
 * @param {Scene} scene
 * @returns {Panel}
 */
export function permissionPanel(model, scene) {
  const { t } = scene;
  if (model.deviceFailure) return blockedPanel(model, model.deviceFailure, scene);
  const node = h(
    "div",
    { class: "panel centred" },
    h("div", { class: "emblem" }, icon("mic"), model.video && icon("camera")),
    title(t(model.video ? "permission.title_video" : "permission.title_audio")),
    h("p", { class: "lead" }, t("permission.text")),
    h(
      "p",
      { class: "aside" },
      t(model.choice === "accepted" ? "permission.recorded" : "permission.not_recorded"),
    ),
    plainButton(t("cancel"), scene.actions.hangUp),
  );
  return { node };
}

/**
 * @param {Model} model
 * @param {string} why
 * @param {Scene} scene
 * @returns {Panel}
 */
function blockedPanel(model, why, scene) {
  const { t, actions } = scene;
  const missingMicrophone = why === "media_missing" && !model.video;
  const node = h(
    "div",
    { class: "panel" },
    h("div", { class: "emblem warn" }, icon("warning")),
    title(t(`permission.${why}_title`)),
    h("p", { class: "lead" }, t(missingMicrophone ? "permission.media_missing_audio" : `permission.${why}`)),
    ...(why === "media_denied" ? stepsToAllow(scene) : []),
    h(
      "div",
      { class: "choices" },
      mainButton(t("again"), () => actions.open(model.video)),
      model.video &&
        h(
          "button",
          { type: "button", class: "tonal", click: () => actions.open(false) },
          icon("mic"),
          t("permission.audio_only"),
        ),
    ),
    plainButton(t("cancel"), actions.hangUp),
  );
  return { node };
}

/**
 * @param {Model} model
 * @param {Scene} scene
 * @returns {Panel}
 */
export function connectingPanel(model, scene) {
  const { t } = scene;
  return waiting(
    t("connecting.title", { tenant: model.notice?.tenant_name ?? "" }),
    scene,
    t("connecting.text"),
  );
}
