// @ts-check
/** How the lines of the call do, in plain words, and that the server is about to stop. The vault tells both. */

import { icon } from "../shared/icons.js";
import { el, say } from "./dom.js";
import { number, t } from "./words.js";

const BACK_MS = 30_000; // after the end that was told, the service is back, or something else says so
const MOST = 2; // sentences at once: more than that nobody reads while talking

/**
 * @typedef {{leg_id: string, role: string, mine: boolean, troubles: string[], lost_percent: number,
 *   jitter_ms: number, round_trip_ms: number | null, kbit_per_s: number, still_s: number}} Line
 */

const WORST_FIRST = ["sound_sent", "picture_sent", "sound_received", "late"]; // as vault.calls.quality has them

/** @type {import("./call_extras.js").Feature} */
export function lineQuality({ call }) {
  /** @type {Map<string, Line>} */ const lines = new Map();
  let stopsAtMs = -Infinity;
  const words = el("p", {});
  const numbers = el("p", { class: "muted small" });
  const banner = el(
    "div",
    { class: "note note-warn line-quality", hidden: true },
    icon("warning"),
    el("div", {}, words, numbers),
  );

  const told = (/** @type {Event} */ event) => {
    const line = /** @type {CustomEvent<Line>} */ (event).detail;
    if (line.troubles.length) lines.set(line.leg_id, line);
    else lines.delete(line.leg_id);
    reflect();
  };
  const stopping = (/** @type {Event} */ event) => {
    const { ends_in_s: leftS } = /** @type {CustomEvent<{ends_in_s: number}>} */ (event).detail;
    stopsAtMs = performance.now() + leftS * 1000;
    reflect();
  };
  const reflect = () => {
    const present = [...lines.values()].filter(({ leg_id: id, mine }) => mine || call.feeds.has(id));
    const told = inOrder(present).slice(0, MOST);
    const sentences = told.map(sentenceOf);
    if (performance.now() < stopsAtMs + BACK_MS) sentences.unshift(t("line.stopping"));
    const sentence = sentences.join(" ");
    numbers.textContent = told.length ? numbersOf(told[0].line) : "";
    if (sentence === words.textContent) return;
    words.textContent = sentence;
    banner.hidden = !sentence;
    say(sentence || t("line.good"));
  };
  call.addEventListener("quality", told);
  call.addEventListener("stopping", stopping);
  const close = () => {
    call.removeEventListener("quality", told);
    call.removeEventListener("stopping", stopping);
  };
  return { banner, reflect, close };
}

/**
 * What is said first: of each line its worst trouble, the worst of these first; then of each its second, and so on.
 * @param {Line[]} lines
 */
function inOrder(lines) {
  const rank = (/** @type {string} */ trouble) => WORST_FIRST.indexOf(trouble);
  const all = lines.flatMap((line) => line.troubles.map((trouble, round) => ({ line, trouble, round })));
  return all.sort((one, other) => one.round - other.round || rank(one.trouble) - rank(other.trouble));
}

/** @param {{line: Line, trouble: string}} told */
function sentenceOf({ line: { role, mine }, trouble }) {
  return t(`line.${mine ? "mine" : role === "visitor" ? "visitor" : "other"}_${trouble}`);
}

/** @param {Line} line */
function numbersOf({ lost_percent: lost, jitter_ms: jitter, round_trip_ms: trip, kbit_per_s: rate, still_s: still }) {
  const parts = [t("line.lost", { share: number(lost) }), t("line.jitter", { time: jitter })];
  if (trip !== null) parts.push(t("line.trip", { time: trip }));
  parts.push(t("line.rate", { rate: number(rate) }));
  if (still) parts.push(t("line.still", { time: number(still) }));
  return parts.join(" · ");
}
