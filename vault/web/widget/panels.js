// @ts-check
/** The panels before and after a call: notice, permission, connecting, ended, failed. */

import { clock, plural, spokenDuration } from "../shared/i18n.js";
import { h, icon } from "./dom.js";
import { sentenceOfCode } from "./strings.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */
/** @typedef {{node: HTMLElement, update?: (model: Model) => void, close?: () => void}} Panel */

const DAY_MS = 86_400_000;

/**
 * @param {Model} model
 * @param {Scene} scene
 * @returns {Panel}
 */
export function askingPanel(model, scene) {
  const { t } = scene;
  const { notice } = model;
  if (!notice) return waiting(t("asking.wait"), scene);
  const what = h("dd");
  const camera = model.canBeSeen ? cameraSwitch(model, scene) : null;
  const choices = [
    choice("accepted", icon("target"), t("asking.accept"), scene),
    choice("refused", icon("notKept"), t("asking.refuse"), scene),
  ];
  const update = (/** @type {Model} */ now) => {
    what.textContent = t(now.video ? "asking.voice_and_image" : "asking.voice");
    for (const button of choices) button.setAttribute("aria-disabled", String(now.deciding));
  };
  update(model);
  const node = h(
    "div",
    { class: "panel" },
    title(t("asking.title")),
    h("p", { class: "lead" }, t("asking.lead", { tenant: notice.tenant_name })),
    facts([
      ["speech", t("asking.why"), notice.purpose],
      ["person", t("asking.what"), what],
      ["clock", t("asking.how_long"), t("asking.how_long_value", { days: days(notice.retention_days, scene) })],
    ]),
    details(notice, scene),
    camera,
    h("div", { class: "choices", role: "group", "aria-label": t("asking.question") }, ...choices),
    plainButton(t("cancel"), scene.actions.hangUp),
  );
  return { node, update };
}

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
    h("p", { class: "aside" }, t(model.choice === "accepted" ? "permission.recorded" : "permission.not_recorded")),
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
  const steps = ["permission.step_1", "permission.step_2", "permission.step_3"].map((key) => h("li", {}, t(key)));
  const node = h(
    "div",
    { class: "panel" },
    h("div", { class: "emblem warn" }, icon("warning")),
    title(t(`permission.${why}_title`)),
    h("p", { class: "lead" }, t(missingMicrophone ? "permission.media_missing_audio" : `permission.${why}`)),
    why === "media_denied" && h("ol", { class: "steps" }, ...steps),
    h(
      "div",
      { class: "choices" },
      mainButton(t("again"), () => actions.open(model.video)),
      model.video && h("button", { type: "button", class: "tonal", click: () => actions.open(false) }, icon("mic"), t("permission.audio_only")),
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
  return waiting(t("connecting.title", { tenant: model.notice?.tenant_name ?? "" }), scene, t("connecting.text"));
}

/**
 * @param {Model} model
 * @param {Scene} scene
 * @returns {Panel}
 */
export function endedPanel(model, scene) {
  const { t, language } = scene;
  const kept = model.choice === "accepted";
  const lasted = h("dd", {}, h("span", { "aria-hidden": "true" }, clock(model.lastedMs)), said(spokenDuration(language, model.lastedMs)));
  const node = h(
    "div",
    { class: "panel" },
    h("div", { class: "emblem ok" }, icon("done")),
    title(t("ended.title")),
    h("p", { class: "lead" }, t("ended.camera")),
    facts([
      ["clock", t("ended.lasted"), lasted],
      [kept ? "target" : "notKept", t("ended.kept"), kept ? whatIsKept(model, scene) : t("ended.nothing")],
      kept && ["copy", t("ended.reference"), reference(model.callId ?? "", scene)],
    ]),
    kept && h("p", { class: "aside" }, t("ended.erase", { tenant: model.notice?.tenant_name ?? "" })),
    mainButton(t("close"), scene.actions.hangUp),
  );
  return { node };
}

/**
 * @param {Model} model
 * @param {Scene} scene
 * @returns {Panel}
 */
export function failedPanel(model, scene) {
  const { t, actions } = scene;
  const code = model.failure ?? "unexpected";
  const node = h(
    "div",
    { class: "panel" },
    h("div", { class: "emblem danger" }, icon("warning")),
    title(t(code === "connection_lost" ? "failed.title_lost" : "failed.title")),
    h("p", { class: "lead" }, t(sentenceOfCode(code))),
    h("p", { class: "aside" }, t("failed.code", { code })),
    h("div", { class: "choices" }, mainButton(t("again"), actions.again)),
    plainButton(t("close"), actions.hangUp),
  );
  return { node };
}

/**
 * @param {string} text
 * @param {Scene} scene
 * @param {string} [more]
 * @returns {Panel}
 */
function waiting(text, scene, more) {
  const rings = h("div", { class: "rings" }, h("span"), h("span"), icon("phone"));
  const lead = more ? h("p", { class: "lead" }, more) : null;
  return {
    node: h("div", { class: "panel centred" }, rings, title(text), lead, plainButton(scene.t("cancel"), scene.actions.hangUp)),
  };
}

/** The panel's name: gets the focus when the panel appears, so a screen reader begins there.
 * @param {string} text
 */
export function title(text) {
  return h("h2", { id: "title", tabindex: "-1" }, text);
}

/** @param {string} text */
export function said(text) {
  return h("span", { class: "said" }, text);
}

/** @typedef {[import("./dom.js").IconName, string, string | HTMLElement]} Fact */

/** @param {(Fact | false)[]} rows */
function facts(rows) {
  const list = h("dl", { class: "facts" });
  for (const row of rows) {
    if (!row) continue;
    const [name, term, value] = row;
    const told = typeof value === "string" ? h("dd", {}, value) : value;
    list.append(h("div", {}, h("dt", {}, icon(name), term), told));
  }
  return list;
}

/**
 * Accepting and refusing look the same on purpose: a choice is free when neither side is louder.
 * @param {"accepted" | "refused"} value
 * @param {SVGElement} picture
 * @param {string} label
 * @param {Scene} scene
 */
function choice(value, picture, label, { actions }) {
  return h("button", { type: "button", class: "tonal", value, click: () => actions.choose(value) }, picture, label);
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
 * @param {import("./api.js").Notice} notice
 * @param {Scene} scene
 */
function details(notice, { t }) {
  return h(
    "details",
    {},
    h("summary", {}, t("asking.details")),
    h("p", { lang: notice.language }, notice.text),
    h("p", {}, t("asking.transport", { tenant: notice.tenant_name })),
  );
}

/**
 * @param {number} count
 * @param {Scene} scene
 */
function days(count, { t, language }) {
  return plural(language, count, { one: t("asking.days_one"), other: t("asking.days_other") });
}

/**
 * @param {Model} model
 * @param {Scene} scene
 */
function whatIsKept(model, { t, language }) {
  const until = (model.startedAt ?? Date.now()) + (model.notice?.retention_days ?? 0) * DAY_MS;
  const date = new Intl.DateTimeFormat(language, { dateStyle: "long" }).format(until);
  return t(model.video ? "ended.kept_both" : "ended.kept_voice", { date });
}

/**
 * @param {string} callId
 * @param {Scene} scene
 */
function reference(callId, { t, say }) {
  const copy = async () => {
    await navigator.clipboard?.writeText(callId);
    say(t("ended.copied"));
  };
  const label = t("ended.copy");
  return h(
    "dd",
    { class: "reference" },
    h("code", {}, callId),
    h("button", { type: "button", class: "icon-only", title: label, "aria-label": label, click: () => void copy() }, icon("copy")),
  );
}

/**
 * @param {string} label
 * @param {() => void} act
 */
function mainButton(label, act) {
  return h("button", { type: "button", class: "main", click: act }, label);
}

/**
 * @param {string} label
 * @param {() => void} act
 */
function plainButton(label, act) {
  return h("button", { type: "button", class: "plain", click: act }, label);
}
