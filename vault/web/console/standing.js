// @ts-check
/** Why something is still here and when it goes, in plain sentences. */

import { counted, day, t } from "./words.js";

/** Ways of staying in which the rule has the word, not a person. */
const BY_RULE = ["within_time", "due", "with_recordings"];

/** @typedef {{why: string, kind: string, since: string, until: string | null, erased_at: string | null,
 *    held_until: string | null, halted: boolean, rule: any}} Standing */

/** @param {Standing} one  @param {boolean} isAsked  its erasure was asked for */
export function whyInSentences(one, isAsked = false) {
  if (one.why === "held") return heldInSentences(one, isAsked);
  const date = day(one.erased_at ?? one.until ?? one.since);
  const key = one.why === "due" && one.halted ? "due_halted" : one.why;
  return [t(`kept.why_${key}`, { date })];
}

/** @param {Standing} one @param {boolean} isAsked */
function heldInSentences(one, isAsked) {
  const held = one.held_until ?? one.since;
  const first = t("kept.why_held", { date: day(held) });
  if (isAsked) return [first, t("kept.held_asked")];
  if (!one.until) return [first];
  const isLonger = Date.parse(one.until) > Date.parse(held);
  return [first, t(isLonger ? "kept.held_longer" : "kept.held_then", { date: day(one.until) })];
}

/** The rule that counts today for its like, and who set it; empty where a rule has no word in it. @param {Standing} one */
export function ruleInWords(one) {
  if (!BY_RULE.includes(one.why)) return "";
  return t(`kept.rule_${one.rule.source}`, { days: counted("kept.days", one.rule.days) });
}

/** Its state in two or three words, for a list. @param {Standing} one */
export function shortly(one) {
  const date = one.until ?? one.erased_at;
  return t(`kept.short_${one.why}`, { date: date ? day(date) : "" });
}

const DAY_MS = 86_400_000;

/**
 * What a shorter rule that waits would do to a thing; empty where it would do nothing to it.
 * @param {any} change
 * @param {Standing} one
 * @param {string} buttonId
 */
export function changeInWords(change, one, buttonId) {
  const isAbout = change.button_id === null ? one.rule.source !== "button" : change.button_id === buttonId;
  if (change.state !== "waiting" || change.kind !== one.kind || !isAbout || !one.until) return "";
  const end = Date.parse(one.since) + change.days * DAY_MS;
  if (end >= Date.parse(one.until)) return "";
  const goes = new Date(Math.max(end, Date.parse(change.applies_at))).toISOString();
  const values = { days: counted("kept.days", change.days), date: day(change.applies_at), goes: day(goes) };
  return t("kept.change", values);
}
