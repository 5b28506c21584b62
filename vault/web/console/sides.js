// @ts-check
/** Whose side of a call a recording holds, and what can be heard and seen in it. */

import { named, t } from "./words.js";

/** @param {any} item  a recording, as the API lists it */
export function sideInWords(item) {
  const role = item.leg_role ?? "visitor";
  return named("side", item.leg_kind === "screen" ? `screen_${role}` : role);
}

/** @param {any} item */
export function contentInWords(item) {
  const codecs = /** @type {string[]} */ (item.codecs ?? []).map((codec) => codec.toLowerCase());
  const heard = codecs.includes("opus");
  const seen = codecs.some((codec) => codec !== "opus");
  if (heard && seen) return t("content.both");
  if (seen) return t("content.video");
  return heard ? t("content.audio") : "";
}
