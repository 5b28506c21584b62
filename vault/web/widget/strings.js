// @ts-check
/** What the call button says, by language, and which sentence belongs to a failure. */

import { ENGLISH } from "./strings_en.js";
import { FRENCH } from "./strings_fr.js";

/** @type {Record<import("../shared/i18n.js").Language, import("../shared/i18n.js").Sentences>} */
export const SENTENCES = { fr: FRENCH, en: ENGLISH };

/**
 * The sentence of a failure code: the vault's own codes, `http_` codes for a proxy's answers, and the
 * widget's. A code not listed says `failed.other` and shows itself below it.
 */
const SENTENCE_OF_CODE = new Map([
  ["origin_refused", "failed.origin_not_allowed"],
  ["not_found", "failed.not_found"],
  ["too_many_requests", "failed.too_many"],
  ["too_many_legs", "failed.crowded"],
  ["busy", "failed.unavailable"],
  ["dependency_unavailable", "failed.unavailable"],
  ["no_space", "failed.unavailable"],
  ["unauthenticated", "failed.expired"],
  ["token_refused", "failed.expired"],
  ["conflict", "failed.expired"],
  ["notice_changed", "failed.notice_changed"],
  ["offer_refused", "failed.codec"],
  ["visitor_token", "failed.visitor_token"],
  ["http_404", "failed.not_found"],
  ["http_429", "failed.too_many"],
  ["http_502", "failed.unavailable"],
  ["http_503", "failed.unavailable"],
  ["http_504", "failed.unavailable"],
  ["network", "failed.network"],
  ["timeout", "failed.timeout"],
  ["media_insecure", "failed.media_insecure"],
  ["media_policy", "failed.media_policy"],
  ["connect_failed", "failed.connect"],
  ["connect_timeout", "failed.connect"],
  ["connection_lost", "failed.connection_lost"],
]);

/**
 * @param {string} code
 * @returns {string} a key of the tables above
 */
export function sentenceOfCode(code) {
  return SENTENCE_OF_CODE.get(code) ?? "failed.other";
}
