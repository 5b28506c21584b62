// @ts-check
/** How a running call stands, in words. */

import { upperFirst } from "./stage.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */

/** @param {Model} model */
export function isRecorded({ choice, notice, recording }) {
  if (recording === "withdrawn" || recording === "not_recorded") return false;
  return choice === "accepted" && Boolean(notice?.records.length);
}

/**
 * Nobody came, and what is said is kept.
 * @param {Model} model
 */
export function isMessage(model) {
  return model.party.phase === "nobody" && isRecorded(model);
}

/**
 * How the call stands, in a line and a half.
 * @param {Model} model
 * @param {Scene} scene
 * @returns {{title: string, lead: string}}
 */
export function wordsOf(model, { t, language }) {
  const { phase, name: given } = model.party;
  const name = given || t("live.somebody");
  const capital = upperFirst(name);
  switch (phase) {
    case "ringing":
      return { title: t("live.ringing"), lead: waitingWords(model, t) };
    case "taken":
      return { title: t("live.taken", { name: capital }), lead: t("live.taken_text") };
    case "talking":
      return { title: t("live.with", { name: presentNames(model, language) || name }), lead: "" };
    case "nobody":
      return { title: t("live.nobody"), lead: t(isMessage(model) ? "live.message" : "live.no_message") };
    case "away":
      return { title: t("live.away", { name }), lead: t("live.away_text") };
    default:
      return { title: t("live.title", { tenant: model.notice?.tenant_name ?? "" }), lead: "" };
  }
}

/**
 * @param {Model} model
 * @param {import("../shared/i18n.js").Language} language
 */
export function presentNames({ party: { others } }, language) {
  const names = new Set(others.filter(({ name }) => name).map(({ name }) => name));
  return new Intl.ListFormat(language).format(names);
}

/**
 * The place in the queue as the vault tells it, and nothing where it does not.
 * @param {Model} model
 * @param {import("../shared/i18n.js").Translate} t
 */
function waitingWords({ party: { position, agents } }, t) {
  if (position !== null && position > 1) return t("live.queue", { position });
  if (position === 1 && agents === 0) return t("live.queue_next");
  return t("live.ringing_text");
}
