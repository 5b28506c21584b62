// @ts-check
/** A call on its own clock: where each side lies on the timeline they share, and what happened when. */

import { clock, spokenDuration } from "../shared/i18n.js";
import { api } from "./api.js";
import { el } from "./dom.js";
import { sideInWords } from "./sides.js";
import { language, named, t } from "./words.js";

const SHOWN = 200; // of one call; who wants them all has the manifest

/**
 * @typedef {{kind: string, from_ms: number, to_ms: number, cause: string}} CallGap
 * @typedef {{type: string, at_ms: number, participant: string | null, reason: string | null}} CallEvent
 */

/** The manifest of one call, asked for once. */
export class CallTimeline {
  /** @param {any} manifest */
  constructor(manifest) {
    this.totalMs = /** @type {number} */ (manifest.duration_ms) || 1;
    this.events = /** @type {CallEvent[]} */ (manifest.events);
    this.sides = new Map(manifest.recordings.map((/** @type {any} */ side) => [side.recording, side]));
  }

  /**
   * @param {string} callId
   * @returns {Promise<CallTimeline | null>}  null where it cannot be read: recordings stand on their own
   */
  static async of(callId) {
    const answer = await api("GET", `/v1/calls/${callId}/manifest`).catch(() => null);
    return answer && new CallTimeline(answer.body);
  }

  /** Where a recording begins; null where the call does not say. @param {string} id @returns {number | null} */
  offsetMs(id) {
    return this.sides.get(id)?.offset_ms ?? null;
  }

  /** Its gaps, on its own clock. @param {string} id @returns {import("./player.js").Gap[]} */
  gapsOf(id) {
    const side = this.sides.get(id);
    return (side?.gaps ?? []).map((/** @type {CallGap} */ gap) => ({
      track: null,
      from_ms: gap.from_ms - side.offset_ms,
      to_ms: gap.to_ms - side.offset_ms,
      cause: gap.cause,
    }));
  }

  /**
   * How a side is called among several; agents are told apart by their number.
   * @param {any} item
   */
  nameOf(item) {
    const people = new Set([...this.sides.values()].map((side) => side.participant ?? ""));
    const agents = [...people].filter((participant) => participant.startsWith("agent"));
    const number = /** @type {string | undefined} */ (this.sides.get(item.id)?.participant)?.split("-")[1];
    if (agents.length < 2 || !number) return sideInWords(item);
    return t(item.leg_kind === "screen" ? "side.screen_numbered" : "moment.agent", { number });
  }

  /**
   * One mark for each moment, under the waveforms; the list says the same to whoever does not see it.
   * @param {number} totalMs  of the timeline they are on
   * @param {(atMs: number) => void} go
   */
  marks(totalMs, go) {
    const marks = this.#inside().map((event) => {
      const title = `${clock(event.at_ms)} ${inWords(event)}`;
      const onclick = () => go(event.at_ms);
      const mark = el("span", { class: `call-mark call-mark-${event.type}`, title, onclick });
      mark.style.left = `${(event.at_ms / totalMs) * 100}%`;
      return mark;
    });
    return el("div", { class: "call-marks", "aria-hidden": "true" }, marks);
  }

  /**
   * What happened, as a list; with a player each line goes there.
   * @param {((atMs: number) => void) | null} [go]  on the call's clock
   */
  list(go = null) {
    const lines = this.events.slice(0, SHOWN).map((event) => {
      const at = Math.max(0, event.at_ms);
      const said = [el("span", { class: "moment" }, clock(at)), " ", inWords(event)];
      if (!go) return el("li", {}, said);
      const where = t("about.gap_go", { time: spokenDuration(language, at) });
      const button = { type: "button", class: "go", onclick: () => go(at) };
      const told = [...said, el("span", { class: "cv-said" }, `. ${where}`)];
      return el("li", {}, el("button", button, told));
    });
    return lines.length ? el("ol", { class: "moments" }, lines) : el("p", { class: "muted" }, t("moment.none"));
  }

  #inside() {
    return this.events.filter((event) => event.at_ms >= 0 && event.at_ms <= this.totalMs).slice(0, SHOWN);
  }
}

/** @param {CallEvent} event */
function inWords(event) {
  const what = named("moment", event.type);
  return event.participant ? t("moment.by", { who: who(event.participant), what }) : what;
}

/** @param {string} participant  `visitor`, `agent`, or `agent-2` */
function who(participant) {
  const [role, number] = participant.split("-");
  return number ? t("moment.agent", { number }) : named("side", role);
}
