// @ts-check
/** How the lines of the call do, in plain words, and that the server is about to stop. The vault tells both. */

import { icon } from "../shared/icons.js";
import { el, say } from "./dom.js";
import { t } from "./words.js";

const BACK_MS = 30_000; // after the end that was told, the service is back, or something else says so
const MOST = 2; // sentences at once: more than that nobody reads while talking

/**
 * @typedef {{leg_id: string, role: string, mine: boolean, troubles: string[], lost_percent: number,
 *   jitter_ms: number, round_trip_ms: number | null}} Line
 */

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
    const sentences = present.flatMap(sentencesOf).slice(0, MOST);
    if (performance.now() < stopsAtMs + BACK_MS) sentences.unshift(t("line.stopping"));
    const sentence = sentences.join(" ");
    if (sentence === words.textContent) return;
    words.textContent = sentence;
    numbers.textContent = present.length ? numbersOf(present[0]) : "";
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

/** @param {Line} line */
function sentencesOf({ role, mine, troubles }) {
  const who = mine ? "mine" : role === "visitor" ? "visitor" : "other";
  return troubles.map((trouble) => t(`line.${who}_${trouble}`));
}

/** @param {Line} line */
function numbersOf({ lost_percent: lost, jitter_ms: jitter, round_trip_ms: trip }) {
  const parts = [t("line.lost", { share: lost }), t("line.jitter", { time: jitter })];
  if (trip !== null) parts.push(t("line.trip", { time: trip }));
  return parts.join(" · ");
}
