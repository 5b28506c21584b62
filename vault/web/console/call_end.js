// @ts-check
/** The last page of a call: how it ended, and what was kept of it. */

import { clock, spokenDuration } from "../shared/i18n.js";
import { Problem, sentenceOf } from "./api.js";
import { el, note } from "./dom.js";
import { notePanel } from "./note_panel.js";
import { contentInWords, sideInWords, sidesOf } from "./sides.js";
import { knows, language, named, t } from "./words.js";

const ASK_MS = [500, 1000, 2000, 3000]; // a recording is ready a few seconds after the call; then the last of them
const ENOUGH = 40; // questions: whoever still waits after two minutes finds it in the list

/** @param {any} item */
function kept(item) {
  const length = item.duration_ms ? ` · ${clock(item.duration_ms)}` : "";
  return el(
    "li",
    { class: "kept" },
    el(
      "div",
      {},
      el("a", { href: `/console/recordings/${item.id}` }, sideInWords(item)),
      el("p", { class: "muted small" }, `${contentInWords(item)}${length}`),
    ),
    el("span", { class: `badge badge-${item.state}` }, named("state", item.state)),
  );
}

/**
 * @param {import("./call.js").Call} call
 * @param {{isRecorded: boolean, closed: () => void}} known
 * @returns {HTMLElement}
 */
export function callEnd(call, { isRecorded, closed }) {
  if (call.reason === "elsewhere") return goesOn(closed);
  const place = el("div", { class: "kept-place" }, el("p", { class: "muted" }, t("shell.loading")));
  const why = knows("over", call.reason) ? t(`over.${call.reason}`) : t("over.other");
  const lasted = call.lastedMs && t("over.lasted", { time: spokenDuration(language, call.lastedMs) });
  if (isRecorded) follow(call.id, place);
  else place.replaceChildren(el("p", {}, t("over.nothing")));
  return el(
    "div",
    { class: "call-end" },
    el("p", { class: "muted" }, [why, lasted].filter(Boolean).join(" ")),
    el(
      "section",
      { class: "card panel", "aria-labelledby": "kept-title" },
      el("h2", { id: "kept-title" }, t("over.kept")),
      place,
    ),
    el(
      "section",
      { class: "card panel", "aria-labelledby": "note-title" },
      el("h2", { id: "note-title" }, t("note.title")),
      notePanel(call.id).element,
    ),
    el("p", {}, el("a", { href: `/console/calls/${call.id}` }, t("dossier.link"))),
    el("div", {}, el("button", { type: "button", class: "secondary", onclick: closed }, t("over.close"))),
  );
}

/** The call is in another window of the same person, and can be brought back here. @param {() => void} closed */
function goesOn(closed) {
  const back = () => location.reload(); // a page loaded anew at this address joins
  return el(
    "div",
    { class: "call-end" },
    el("p", {}, t("over.elsewhere")),
    el(
      "div",
      { class: "ring-buttons" },
      el("button", { type: "button", class: "primary", onclick: back }, t("over.bring_here")),
      el("button", { type: "button", class: "secondary", onclick: closed }, t("over.close")),
    ),
  );
}

/** Show what there is, and ask again until all of it is ready. @param {string} callId @param {HTMLElement} place */
async function follow(callId, place) {
  let before = "";
  for (let asked = 0; asked < ENOUGH; asked++) {
    await new Promise((later) => setTimeout(later, ASK_MS[Math.min(asked, ASK_MS.length - 1)]));
    if (!place.isConnected) return;
    try {
      const sides = await sidesOf(callId);
      const now = JSON.stringify(sides);
      if (now !== before && sides.length)
        place.replaceChildren(el("ul", { class: "kept-list" }, sides.map(kept)));
      before = now;
      const waits = ["capturing", "finishing"];
      if (sides.length && sides.every((item) => !waits.includes(item.state))) return;
    } catch (caught) {
      const isPassing = caught instanceof Problem && (caught.status === 0 || caught.status >= 500);
      if (isPassing && asked < ENOUGH - 1) continue; // no answer just now: the next one may be
      place.replaceChildren(note("warn", sentenceOf(caught)));
      return;
    }
  }
  if (before === "[]") place.replaceChildren(el("p", {}, t("over.nothing_yet")));
}
