// @ts-check
/** Files made of all sides of a call: which there are, how far they are, and asking for another. */

import { dateTime } from "../shared/i18n.js";
import { api, sentenceOf } from "./api.js";
import { el, note, say } from "./dom.js";
import { language, named, t } from "./words.js";

const WAIT_MS = 2000; // how often exports that are being made are asked for again
const FORMATS = ["mp4", "webm", "wav", "mp3"];

/**
 * The exports of a call.
 * @param {string} callId
 * @param {Set<string>} may  what this person may do
 */
export function exportsSection(callId, may) {
  const path = `/v1/calls/${callId}/exports`;
  const list = el("ul", { class: "exports" });
  const fault = el("div", {});
  /** @type {Map<string, string>} */ const states = new Map();

  async function refresh() {
    const answer = await api("GET", path).catch(() => null);
    if (!answer || !list.isConnected) return;
    const items = answer.body.items.filter((/** @type {any} */ one) => one.state !== "erased");
    for (const one of items) tell(one);
    list.replaceChildren(...items.map(line));
    list.hidden = items.length === 0;
    if (items.some((/** @type {any} */ one) => one.state === "queued" || one.state === "running"))
      setTimeout(refresh, WAIT_MS);
  }

  /** Say it once when one is ready, or has failed. @param {any} one */
  function tell(one) {
    const before = states.get(one.id);
    states.set(one.id, one.state);
    if (before && before !== one.state && ["ready", "failed"].includes(one.state))
      say(t(`export.said_${one.state}`, { format: named("export.format", one.format) }));
  }

  /** @param {string} format */
  async function ask(format) {
    fault.replaceChildren();
    try {
      await api("POST", path, { body: { format } });
      await refresh();
    } catch (caught) {
      fault.replaceChildren(note("danger", sentenceOf(caught)));
    }
  }

  setTimeout(refresh, 0); // when the section stands in the page
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "exports-title" },
    el("h2", { id: "exports-title" }, t("export.title")),
    el("p", { class: "muted small" }, t("export.lead")),
    list,
    fault,
    may.has("media:export") ? choice(ask) : null,
  );
}

/** @param {(format: string) => Promise<void>} ask */
function choice(ask) {
  const select = el(
    "select",
    { id: "export-format" },
    FORMATS.map((format) => el("option", { value: format }, named("export.format", format))),
  );
  const button = el("button", { type: "submit", class: "secondary small" }, t("export.make"));
  const form = el(
    "form",
    { class: "export-make" },
    el("label", { for: "export-format" }, t("export.choose")),
    el("div", { class: "export-row" }, select, button),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    await ask(select.value);
    button.disabled = false;
  });
  return form;
}

/** @param {any} one */
function line(one) {
  const words = named("export.format", one.format);
  const when = dateTime(language, one.created_at);
  const isReady = one.state === "ready";
  const name = isReady
    ? el("a", { href: `/console/recordings/${one.id}`, "aria-label": `${words}, ${when}` }, words)
    : el("span", {}, words);
  const state = isReady ? null : el("p", { class: "muted small" }, stateInWords(one));
  const bar =
    one.state === "running" &&
    el("progress", { max: "100", value: one.progress, "aria-label": t("export.progress", { format: words }) });
  return el("li", {}, el("div", {}, name, el("p", { class: "muted small" }, when), state), bar);
}

/** @param {any} one */
function stateInWords(one) {
  if (one.state === "failed") return named("export.failure", one.failure ?? "not_made");
  return t(`export.state_${one.state}`, { percent: one.progress });
}
