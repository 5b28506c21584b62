// @ts-check
/** Whether the call is recorded: the pause for card data, its reminder, and the end of the recording. */

import { clock } from "../shared/i18n.js";
import { icon } from "../shared/icons.js";
import { api, sentenceOf } from "./api.js";
import { el, say } from "./dom.js";
import { pauseWritten } from "./pause_written.js";
import { t } from "./words.js";

/** What a badge says of each state. @param {string | undefined} state */
export function badgeWords(state) {
  if (state === "paused") return t("pause.badge");
  if (state === "withdrawn") return t("pause.badge_withdrawn");
  return "";
}

/** @type {import("./call_extras.js").Feature} */
export function recording({ call }) {
  if (!call.recording) return {};
  const words = el("p", { id: "pause-words" });
  const time = el("span", { class: "timer", "aria-hidden": "true" });
  const pause = el("button", { type: "button", class: "secondary small", onclick: () => turn() }, t("pause.begin"));
  const stop = el("button", { type: "button", class: "secondary small", onclick: () => ask(true) }, t("pause.stop"));
  const sure = el("button", { type: "button", class: "danger", onclick: () => unrecord() }, t("pause.stop_yes"));
  const back = el("button", { type: "button", class: "secondary", onclick: () => ask(false) }, t("pause.stop_no"));
  const buttons = el("div", { class: "pause-buttons" }, pause, stop, sure, back);
  const sign = icon("warning");
  const banner = el("div", { class: "note pause" }, sign, words, time, buttons);
  const reminder = reminderOf(() => turn());
  const written = pauseWritten(call, () => reflect());
  const send = async (/** @type {string} */ path, /** @type {(answer: any) => void} */ heed = () => {}) => {
    pause.disabled = stop.disabled = sure.disabled = true;
    trouble = "";
    try {
      const { body } = await api("POST", `/v1/calls/${call.id}/${path}`);
      heed(body);
      await call.lookAtRecording().catch(() => {}); // what was done holds, and is told by an event as well
    } catch (caught) {
      trouble = sentenceOf(caught);
    } finally {
      pause.disabled = stop.disabled = sure.disabled = false;
      reflect();
    }
  };
  const begun = (/** @type {import("./pause_written.js").Pause} */ told) => {
    if (call.recording?.state === "recording")
      call.recordingChanged({ state: "paused", pause: { id: told.id, since: told.begun_at } });
    written.hear(told);
  };
  const turn = () => {
    const open = call.recording?.pause;
    return open ? send(`pauses/${open.id}/resume`) : send("pauses", begun);
  };
  const unrecord = async () => {
    await send("unrecorded", ({ state }) => call.recordingChanged({ state, pause: null }));
    ask(false);
  };
  const ask = (/** @type {boolean} */ wanted) => {
    isAsked = wanted;
    reflect();
    if (wanted) back.focus();
  };
  let isAsked = false;
  let trouble = "";
  let reminded = 0;
  const reflect = () => {
    const state = call.recording?.state ?? "";
    const open = call.recording?.pause;
    const isOn = state === "recording" || state === "paused";
    if (!isOn) isAsked = false;
    const owed = written.isOwed() ? ` ${t("pause.unwritten")}` : "";
    const told = trouble || t(isAsked ? "pause.stop_question" : knownState(state)) + owed;
    if (words.textContent !== told) {
      words.textContent = told;
      say(told);
    }
    const isQuiet = state === "recording" && !isAsked && !trouble; // the badge above says so already
    banner.classList.toggle("note", !isQuiet);
    banner.classList.toggle("note-danger", Boolean(trouble) || state === "paused");
    banner.classList.toggle("note-info", !isQuiet && !trouble && state !== "paused");
    sign.toggleAttribute("hidden", isQuiet);
    words.classList.toggle("cv-said", isQuiet);
    pause.className = `${open ? "primary" : "secondary"} small`;
    banner.hidden = !isOn && !trouble && state !== "withdrawn" && state !== "not_recorded";
    time.textContent = open ? clock(Math.max(0, Date.now() - Date.parse(open.since))) : "";
    pause.textContent = t(open ? "pause.end" : "pause.begin");
    [pause.hidden, stop.hidden, sure.hidden, back.hidden] = [!isOn || isAsked, !isOn || isAsked, !isAsked, !isAsked];
    if (!open) reminder.close();
    else if (call.pauseReminders > reminded) reminder.open();
    reminded = call.pauseReminders;
  };
  const close = () => {
    reminder.remove();
    written.close();
  };
  return { banner, reflect, close };
}

/** @param {string} state */
function knownState(state) {
  const known = ["recording", "paused", "withdrawn", "not_recorded"];
  return known.includes(state) ? `pause.is_${state}` : "call.not_recorded";
}

/** The pause is long: it is said, and goes on until somebody ends it. @param {() => void} resume */
function reminderOf(resume) {
  const close = () => dialog.close();
  const end = () => {
    close();
    resume();
  };
  const dialog = el(
    "dialog",
    { class: "card panel", "aria-labelledby": "pause-long" },
    el("h2", { id: "pause-long" }, t("pause.long_title")),
    el("p", {}, t("pause.long_text")),
    el(
      "div",
      { class: "ring-buttons" },
      el("button", { type: "button", class: "primary", onclick: close }, t("pause.long_stay")),
      el("button", { type: "button", class: "secondary", onclick: end }, t("pause.end")),
    ),
  );
  const open = () => {
    if (!dialog.isConnected) document.body.append(dialog);
    if (!dialog.open) dialog.showModal();
  };
  return { open, close: () => dialog.open && close(), remove: () => dialog.remove() };
}
