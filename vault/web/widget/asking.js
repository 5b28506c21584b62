// @ts-check
/** The question before the call: who, why, what, for how long; recorded or not; seen or not. */

import { plural } from "../shared/i18n.js";
import { checkOf } from "./check.js";
import { h, icon } from "./dom.js";
import { facts, mainButton, plainButton, title, waiting } from "./parts.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */
/** @typedef {import("./api.js").Notice} Notice */
/** @typedef {import("./parts.js").Panel} Panel */

/**
 * @param {Model} model
 * @param {Scene} scene
 * @returns {Panel}
 */
export function askingPanel(model, scene) {
  const { t } = scene;
  const { notice } = model;
  if (!notice) return waiting(t("asking.wait"), scene);
  const recorded = isRecorded(notice);
  const what = h("dd");
  const choices = choicesOf(notice, scene);
  const check = checkOf(scene);
  /** @type {Record<string, string>} */
  const group = recorded ? { role: "group", "aria-label": t("asking.question") } : {};
  const lead = t(recorded ? "asking.lead" : "asking.lead_unrecorded", { tenant: notice.tenant_name });
  const update = (/** @type {Model} */ now) => {
    what.textContent = t(now.video ? "asking.voice_and_image" : "asking.voice");
    for (const button of choices) button.setAttribute("aria-disabled", String(now.deciding));
    check.show(now);
  };
  update(model);
  const node = h(
    "div",
    { class: "panel" },
    title(t("asking.title")),
    h("p", { class: "lead" }, lead),
    facts([
      ["speech", t("asking.why"), notice.purpose],
      recorded && ["person", t("asking.what"), what],
      recorded && ["clock", t("asking.how_long"), howLong(notice, scene)],
    ]),
    details(notice, scene),
    model.canBeSeen && cameraSwitch(model, scene),
    check.node,
    h("div", { class: "choices", ...group }, ...choices),
    h("div", { class: "last" }, check.begin, plainButton(t("cancel"), scene.actions.hangUp)),
  );
  return { node, update, close: check.close };
}

/** @param {Notice} notice */
function isRecorded(notice) {
  return notice.records.length > 0;
}

/**
 * Accepting and refusing look the same on purpose: a choice is free when neither side is louder. Where
 * nothing is ever recorded there is nothing to accept.
 * @param {Notice} notice
 * @param {Scene} scene
 */
function choicesOf(notice, scene) {
  const { t, actions } = scene;
  if (!isRecorded(notice)) return [mainButton(t("asking.start"), () => actions.choose("refused"))];
  return [
    choice("accepted", icon("target"), t("asking.accept"), scene),
    choice("refused", icon("notKept"), t("asking.refuse"), scene),
  ];
}

/**
 * @param {"accepted" | "refused"} value
 * @param {SVGElement} picture
 * @param {string} label
 * @param {Scene} scene
 */
function choice(value, picture, label, { actions }) {
  return h(
    "button",
    { type: "button", class: "tonal", value, click: () => actions.choose(value) },
    picture,
    label,
  );
}

/**
 * @param {Model} model
 * @param {Scene} scene
 */
function cameraSwitch(model, { t, actions }) {
  const box = h("input", { type: "checkbox", role: "switch", checked: model.video });
  box.addEventListener("change", () => actions.wantVideo(box.checked));
  return h("label", { class: "switch" }, icon("camera"), h("span", {}, t("asking.camera")), box);
}

/**
 * @param {Notice} notice
 * @param {Scene} scene
 */
function details(notice, { t }) {
  return h(
    "details",
    {},
    h("summary", {}, t("asking.details")),
    h("p", { lang: notice.language }, notice.text),
  );
}

/**
 * @param {Notice} notice
 * @param {Scene} scene
 */
function howLong({ retention_days: count }, { t, language }) {
  const days = plural(language, count, { one: t("asking.days_one"), other: t("asking.days_other") });
  return t("asking.how_long_value", { days });
}
