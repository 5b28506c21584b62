// @ts-check
/**
 * French and English for the call button and the console: choosing a language, filling a sentence,
 * writing times and dates. French is the source language: every table has `fr` and `en` with the same keys.
 */

/** @typedef {"fr" | "en"} Language */
/** @typedef {Record<string, string>} Sentences  key to sentence; `{name}` marks a value to fill in */
/** @typedef {(key: string, values?: Record<string, string | number>) => string} Translate */

/** @type {readonly Language[]} */
export const LANGUAGES = Object.freeze(["fr", "en"]);

/**
 * The first wish we speak, else English (a visitor who asked for neither more often reads English).
 * @param {Iterable<string | null | undefined>} wishes BCP 47 tags, best first
 * @returns {Language}
 */
export function chooseLanguage(wishes) {
  for (const wish of wishes) {
    const primary = (wish ?? "").toLowerCase().split("-", 1)[0];
    const found = LANGUAGES.find((language) => language === primary);
    if (found) return found;
  }
  return "en";
}

/**
 * The wishes of one element: the nearest `lang` attribute, the document's, then the browser's list.
 * @param {Element} element
 * @returns {(string | null | undefined)[]}
 */
export function languageWishes(element) {
  const nearest = element.closest("[lang]")?.getAttribute("lang");
  return [nearest, element.ownerDocument.documentElement.lang, ...navigator.languages];
}

/**
 * A function that says a sentence of the table. A missing key is a fault of ours and shows itself as the key.
 * @param {Record<Language, Sentences>} table
 * @param {Language} language
 * @returns {Translate}
 */
export function translator(table, language) {
  const sentences = table[language];
  const typeset = language === "fr" ? frenchSpaces : (/** @type {string} */ sentence) => sentence;
  return (key, values = {}) => fill(typeset(sentences[key] ?? table.en[key] ?? key), values);
}

/**
 * French puts a space before its tall punctuation and inside its quotes; it must not break the line there.
 * @param {string} sentence
 */
function frenchSpaces(sentence) {
  return sentence.replace(/ ([?!;:»%€])/g, "\u00a0$1").replace(/« /g, "«\u00a0");
}

/**
 * @param {string} sentence
 * @param {Record<string, string | number>} values
 */
function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (mark, name) => (name in values ? String(values[name]) : mark));
}

/**
 * The singular or plural form: French counts zero as one, English does not, `Intl` knows.
 * @param {Language} language
 * @param {number} count
 * @param {{one: string, other: string}} forms `{count}` marks the number
 */
export function plural(language, count, forms) {
  const rule = new Intl.PluralRules(language).select(count);
  const number = new Intl.NumberFormat(language).format(count);
  return fill(rule === "one" ? forms.one : forms.other, { count: number });
}

/**
 * A duration as a clock shows it: 0:07, 12:40, 1:02:03.
 * @param {number} durationMs
 */
export function clock(durationMs) {
  const total = Math.max(0, Math.floor(durationMs / 1000));
  const pad = (/** @type {number} */ part) => String(part).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(seconds)}` : `${minutes}:${pad(seconds)}`;
}

/**
 * A duration for a screen reader: "2 minutes 5 secondes".
 * @param {Language} language
 * @param {number} durationMs
 */
export function spokenDuration(language, durationMs) {
  const total = Math.max(0, Math.floor(durationMs / 1000));
  const say = (/** @type {number} */ value, /** @type {string} */ unit) =>
    new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
  /** @type {[number, string][]} */
  const parts = [
    [Math.floor(total / 3600), "hour"],
    [Math.floor(total / 60) % 60, "minute"],
    [total % 60, "second"],
  ];
  const said = parts.filter(([value]) => value > 0).map(([value, unit]) => say(value, unit));
  return said.length ? said.join(" ") : say(0, "second");
}

/**
 * A moment in the reader's own time zone.
 * @param {Language} language
 * @param {string} moment RFC 3339
 */
export function dateTime(language, moment) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(
    new Date(moment),
  );
}
