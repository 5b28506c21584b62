// @ts-check
/** Whose side of a call a recording holds, and what can be heard and seen in it. */

import { dateTime } from "../shared/i18n.js";
import { api } from "./api.js";
import { el } from "./dom.js";
import { language, named, t } from "./words.js";

/** @param {any} item  a recording, as the API lists it */
export function sideInWords(item) {
  const role = item.leg_role === "visitor" ? "visitor" : "agent"; // whoever answers is the agent, also an administrator
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

/** The order of sides: the visitor, then who answered, screens behind the people. @param {any} one @param {any} other */
export function visitorFirst(one, other) {
  const rank = (/** @type {any} */ item) =>
    (item.leg_role === "visitor" ? 0 : 2) + (item.leg_kind === "screen" ? 1 : 0);
  return rank(one) - rank(other) || one.created_at.localeCompare(other.created_at);
}

/**
 * All recordings of one call, in that order.
 * @param {string} callId
 * @returns {Promise<any[]>}
 */
export async function sidesOf(callId) {
  const { body } = await api("GET", `/v1/media?kind=recording&call_id=${callId}&order=created_at.asc&limit=50`);
  return body.items.sort(visitorFirst);
}

/**
 * The other sides of a recording's call, each with its link; empty while there is only one.
 * @param {any} item
 * @returns {Promise<HTMLElement | null>}
 */
export async function otherSides(item) {
  const sides = await sidesOf(item.call_id);
  if (sides.length < 2) return null;
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "sides-title" },
    el("h2", { id: "sides-title" }, t("side.title")),
    el(
      "ul",
      { class: "sides" },
      sides.map((side) => sideLine(side, side.id === item.id)),
    ),
  );
}

/** @param {any} side @param {boolean} isThis */
function sideLine(side, isThis) {
  const words = sideInWords(side);
  const when = dateTime(language, side.started_at ?? side.created_at);
  const name = isThis
    ? el("span", { "aria-current": "page" }, words)
    : el("a", { href: `/console/recordings/${side.id}`, "aria-label": `${words}, ${when}` }, words);
  return el(
    "li",
    {},
    el("div", {}, name, el("p", { class: "muted small" }, isThis ? t("side.this") : contentInWords(side))),
    el("span", { class: `badge badge-${side.state}` }, named("state", side.state)),
  );
}
