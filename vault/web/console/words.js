// @ts-check
/** The console's words in the page's language, and how it writes days, sizes and unknown codes. */

import { plural, translator } from "../shared/i18n.js";
import en from "./en.js";
import enCall from "./en_call.js";
import enCompany from "./en_company.js";
import enHistory from "./en_history.js";
import enKeeping from "./en_keeping.js";
import fr from "./fr.js";
import frCall from "./fr_call.js";
import frCompany from "./fr_company.js";
import frHistory from "./fr_history.js";
import frKeeping from "./fr_keeping.js";

/** @type {import("../shared/i18n.js").Language} */
export const language = document.documentElement.lang === "en" ? "en" : "fr";

/** @type {Record<import("../shared/i18n.js").Language, Record<string, string>>} */
const table = {
  fr: { ...fr, ...frCall, ...frHistory, ...frKeeping, ...frCompany },
  en: { ...en, ...enCall, ...enHistory, ...enKeeping, ...enCompany },
};

/** One sentence, `{name}` filled in. */
export const t = translator(table, language);

/**
 * The sentence that fits a count: keys `key.one` and `key.other`.
 * @param {string} key
 * @param {number} count
 */
export function counted(key, count) {
  return plural(language, count, { one: t(`${key}.one`), other: t(`${key}.other`) });
}

/**
 * A code the server sent, in words; one this page does not know yet is shown readably, never hidden.
 * @param {string} family  the keys' prefix, such as "state"
 * @param {string} code
 */
export function named(family, code) {
  const key = `${family}.${code}`;
  return key in table[language] ? t(key) : code.replace(/[._]/g, " ");
}

/** @param {string} family @param {string} code */
export function knows(family, code) {
  return `${family}.${code}` in table[language];
}

/**
 * A day as people say it: 12 novembre 2026.
 * @param {string} moment RFC 3339
 */
export function day(moment) {
  const written = new Intl.DateTimeFormat(language, { dateStyle: "long" }).format(new Date(moment));
  return language === "fr" ? written.replace(/^1 /, "1er ") : written;
}

/**
 * A moment to the second, for consent and history.
 * @param {string} moment RFC 3339
 */
export function exact(moment) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(
    new Date(moment),
  );
}

/**
 * A number as people write it: 1,240.5 or 1 240,5.
 * @param {number} value
 */
export function number(value) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value);
}

/**
 * A short length: 1.5 s, 74 s.
 * @param {number} durationMs
 */
export function seconds(durationMs) {
  const digits = durationMs < 10_000 ? 1 : 0;
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: "second",
    unitDisplay: "short",
    maximumFractionDigits: digits,
  }).format(durationMs / 1000);
}

/** @param {number} bytes */
export function size(bytes) {
  const steps = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const step = Math.min(steps.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** step;
  const digits = value < 10 && step > 1 ? 1 : 0;
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: steps[step],
    unitDisplay: "short",
    maximumFractionDigits: digits,
  }).format(value);
}

/** @param {string} codec */
export function codecName(codec) {
  return { vp8: "VP8", h264: "H.264", opus: "Opus" }[codec.toLowerCase()] ?? codec;
}
