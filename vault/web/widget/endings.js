// @ts-check
/** The last panels: what was kept of the call, or why there was none. */

import { clock, spokenDuration } from "../shared/i18n.js";
import { h, icon } from "./dom.js";
import { isMessage } from "./live_words.js";
import { ownPage } from "./own_page.js";
import { facts, mainButton, plainButton, said, title } from "./parts.js";
import { sentenceOfCode } from "./strings.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */
/** @typedef {import("./parts.js").Panel} Panel */

const DAY_MS = 86_400_000;

/**
 * @param {Model} model
 * @param {Scene} scene
 * @returns {Panel}
 */
export function endedPanel(model, scene) {
  const { t, language } = scene;
  const tenant = model.notice?.tenant_name ?? "";
  const { name, met } = model.party;
  const isErased = model.recording === "withdrawn" && model.onWithdrawal !== "keep";
  const kept = !isErased && model.choice === "accepted" && model.notice !== null && model.notice.records.length > 0;
  const lasted = h(
    "dd",
    {},
    h("span", { "aria-hidden": "true" }, clock(model.lastedMs)),
    said(spokenDuration(language, model.lastedMs)),
  );
  const isLeftByThem = model.endedBy === "other" && name;
  const node = h(
    "div",
    { class: "panel" },
    h("div", { class: "emblem ok" }, icon("done")),
    title(t(isMessage(model) ? "ended.message_title" : "ended.title")),
    h("p", { class: "lead" }, isLeftByThem && `${t("ended.by_other", { name })} `, t("ended.camera")),
    facts([
      ["clock", t("ended.lasted"), lasted],
      met.length > 0 && ["person", t("ended.with"), new Intl.ListFormat(language).format(met)],
      [kept ? "target" : "notKept", t("ended.kept"), kept ? whatIsKept(model, scene) : t("ended.nothing")],
      kept && ["lock", t("ended.kept_by"), tenant],
      kept && ["person", t("ended.seen_by"), t("ended.seen_by_value", { tenant })],
      kept && ["copy", t("ended.reference"), reference(model.callId ?? "", scene)],
    ]),
    kept && h("p", { class: "aside" }, t("ended.erase", { tenant })),
    isErased && h("p", { class: "aside" }, t("recording.then_erase")),
    ownPage(model, scene),
    questions(scene),
    mainButton(t("close"), scene.actions.hangUp),
    kept && plainButton(t("ended.save"), () => save(node, model.callId ?? "")),
  );
  return { node };
}

/**
 * What the panel says, as a text file of the visitor's own; the link to their page is in it.
 * @param {HTMLElement} panel
 * @param {string} callId
 */
function save(panel, callId) {
  const lines = [...panel.querySelectorAll("h2, p, .facts > div")].map((part) => wordsOf(part)).filter(Boolean);
  const written = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" }).format(Date.now());
  const text = [...lines, "", written, location.host, ""].join("\n");
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  h("a", { href: url, download: `${callId}.txt` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** @param {Element} part */
function wordsOf(part) {
  const saved = part.getAttribute("data-saved"); // what a file says in the place of what can be pressed
  if (saved !== null) return saved;
  const [term, value] = [part.querySelector("dt"), part.querySelector("dd")];
  const shown = (value ?? part).querySelector("[aria-hidden=true]")?.textContent || (value ?? part).textContent;
  return term ? `${term.textContent}: ${shown}` : shown;
}

/** @param {import("./room.js").Phase} phase */
function hasMet(phase) {
  return phase === "talking" || phase === "away";
}

/**
 * The tenant's own page for questions, in another tab: this one is the visitor's.
 * @param {Scene} scene
 */
function questions({ t, contact }) {
  if (!contact) return null;
  return h("a", { href: contact, target: "_blank", rel: "noopener noreferrer" }, t("ended.questions"));
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
    ownPage(model, scene),
    h("div", { class: "choices" }, mainButton(t("again"), actions.again)),
    plainButton(t("close"), actions.hangUp),
  );
  return { node };
}

/**
 * @param {Model} model
 * @param {Scene} scene
 */
function whatIsKept(model, { t, language }) {
  const until = (model.startedAt ?? Date.now()) + (model.notice?.retention_days ?? 0) * DAY_MS;
  const date = new Intl.DateTimeFormat(language, { dateStyle: "long" }).format(until);
  if (hasMet(model.party.phase)) {
    return t(model.video ? "ended.kept_both_call" : "ended.kept_voice_call", { date });
  }
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
    h(
      "button",
      { type: "button", class: "icon-only", title: label, "aria-label": label, click: () => void copy() },
      icon("copy"),
    ),
  );
}
