// @ts-check
/** How the line of a recording's leg did, as it was measured while the call ran. */

import { api } from "./api.js";
import { el, facts } from "./dom.js";
import { number, t } from "./words.js";

const HEARD = 20; // of a thousand pieces of sound: from there on it is noticed (vault.calls.quality)
const BAD = 60;

/**
 * A card for the recording's page; null where nothing was measured.
 * @param {{call_id: string, leg_id: string}} item
 * @returns {Promise<HTMLElement | null>}
 */
export async function lineKept({ call_id: callId, leg_id: legId }) {
  const { body } = await api("GET", `/v1/calls/${callId}/quality`);
  const leg = body.items.find((/** @type {any} */ one) => one.leg_id === legId);
  if (!leg?.samples) return null;
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "line-title" },
    el("h2", { id: "line-title" }, t("line.title")),
    el("p", {}, t(`line.kept_${gradeOf(leg)}`)),
    facts(rowsOf(leg)),
  );
}

/** @param {any} leg */
function gradeOf(leg) {
  const lost = leg.mean_sound_lost_permille ?? 0;
  if (lost >= BAD) return "bad";
  return lost >= HEARD || (leg.worst_sound_lost_permille ?? 0) >= BAD ? "fair" : "good";
}

/**
 * @param {any} leg
 * @returns {[string, string][]}
 */
function rowsOf(leg) {
  const share = (/** @type {number | null} */ value) => (value === null ? "" : t("line.share", { share: number(value / 10) }));
  const time = (/** @type {number | null} */ value) => (value === null ? "" : t("line.time", { time: value }));
  const both = (/** @type {string} */ mean, /** @type {string} */ worst) =>
    mean && t("line.mean_worst", { mean, worst });
  const { mean_bits_per_s: bitsPerS } = leg;
  const rate = bitsPerS === null ? "" : t("line.mean_rate", { rate: number(Math.round(bitsPerS / 1000)) });
  /** @type {[string, string][]} */
  const rows = [
    [t("line.row_missed"), both(share(leg.mean_missed_permille), share(leg.worst_missed_permille))],
    [t("line.row_lost"), both(share(leg.mean_sound_lost_permille), share(leg.worst_sound_lost_permille))],
    [t("line.row_picture"), both(share(leg.mean_picture_lost_permille), share(leg.worst_picture_lost_permille))],
    [t("line.row_still"), leg.still_ms ? t("line.seconds", { time: number(leg.still_ms / 1000) }) : ""],
    [t("line.row_jitter"), both(time(leg.mean_jitter_ms), time(leg.worst_jitter_ms))],
    [t("line.row_trip"), both(time(leg.mean_round_trip_ms), time(leg.worst_round_trip_ms))],
    [t("line.row_rate"), rate],
  ];
  return rows.filter(([, value]) => value);
}
