// @ts-check
/** The list of calls: filters and page in the address; whose calls they are is searched, and never stands there. */

import { dateTime, spokenDuration } from "../shared/i18n.js";
import { api, sentenceOf } from "./api.js";
import { byId, el, note, say } from "./dom.js";
import { dispositionInWords } from "./note_panel.js";
import { counted, language, named, t } from "./words.js";

const PAGE_ITEMS = 25;
const FILTERS = /** @type {const} */ (["state", "button_id"]);
const COLUMNS = ["date", "button", "outcome", "agent", "duration", "recorded", "disposition"];

const search = /** @type {HTMLFormElement} */ (byId("search-form"));
const filter = /** @type {HTMLFormElement} */ (byId("call-filter"));

/** @param {HTMLFormElement} form @param {string} name @returns {HTMLInputElement | HTMLSelectElement} */
const field = (form, name) => /** @type {any} */ (form.elements.namedItem(name));
const asked = () => new URLSearchParams(location.search);

/** @type {{field: string, value: string} | null} whose calls are shown; kept in this page alone */
let searched = null;
let showing = 0;

/** @param {any} call */
function length(call) {
  if (!call.taken_at || !call.ended_at) return "";
  return spokenDuration(language, Date.parse(call.ended_at) - Date.parse(call.taken_at));
}

/** @param {any} call */
function recorded(call) {
  if (call.erased_at) return t("history.erased");
  if (call.recordings) return counted("history.recordings", call.recordings);
  return t(call.consent === "refused" ? "history.refused" : "history.not_recorded");
}

/** @param {any} call */
async function row(call) {
  const cell = (/** @type {string} */ name, /** @type {any} */ value) =>
    el("td", { role: "cell", class: `cell-${name}` }, value);
  return el(
    "tr",
    { role: "row", class: call.erased_at ? "is-erased" : null },
    el(
      "th",
      { role: "rowheader", scope: "row", class: "cell-date" },
      el("a", { href: `/console/calls/${call.id}` }, dateTime(language, call.created_at)),
    ),
    cell("button", call.button_name),
    cell("outcome", el("span", { class: `badge badge-${call.outcome}` }, named("outcome", call.outcome))),
    cell("agent", call.taken_by?.name ?? ""),
    cell("duration", length(call)),
    cell("recorded", recorded(call)),
    cell("disposition", call.disposition ? await dispositionInWords(call.disposition) : ""),
  );
}

/** @param {any[]} items */
async function table(items) {
  const heads = COLUMNS.map((name) =>
    el("th", { role: "columnheader", scope: "col", class: `cell-${name}` }, t(`history.col_${name}`)),
  );
  return el(
    "table",
    { class: "recordings", role: "table" },
    el("caption", { class: "cv-said" }, t("history.caption")),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads)),
    el("tbody", { role: "rowgroup" }, await Promise.all(items.map(row))),
  );
}

/** @param {string | null} cursor */
function ask(cursor) {
  if (searched) {
    return api("POST", "/v1/calls/search", { body: { ...searched, limit: PAGE_ITEMS, cursor } });
  }
  const sent = new URLSearchParams({ limit: String(PAGE_ITEMS) });
  for (const name of FILTERS) if (asked().get(name)) sent.set(name, String(asked().get(name)));
  if (cursor) sent.set("cursor", cursor);
  return api("GET", `/v1/calls?${sent}`);
}

/** @param {string[]} trail  cursors of the pages before and of this one */
async function show(trail = []) {
  const mine = ++showing;
  const list = byId("list");
  list.setAttribute("aria-busy", "true");
  try {
    const { body } = await ask(trail.at(-1) ?? null);
    const found = body.items.length ? await table(body.items) : nothing();
    if (mine !== showing) return;
    list.replaceChildren(found);
    pager(trail, body.next_cursor);
    say(body.items.length ? counted("history.shown", body.items.length) : t("history.none_title"));
  } catch (caught) {
    if (mine !== showing) return;
    list.replaceChildren(note("danger", sentenceOf(caught), { label: t("shell.retry"), act: () => show(trail) }));
    byId("pager").hidden = true;
  } finally {
    if (mine === showing) list.removeAttribute("aria-busy");
  }
}

function nothing() {
  return el(
    "div",
    { class: "card empty" },
    el("h2", {}, t("history.none_title")),
    el("p", { class: "muted" }, t(searched ? "history.no_match" : "history.none_text")),
  );
}

/** @param {string[]} trail @param {string | null} next */
function pager(trail, next) {
  const turn = async (/** @type {string[]} */ to) => {
    await show(to);
    byId("content").focus({ preventScroll: true });
    scrollTo({ top: 0 });
  };
  const button = (/** @type {string} */ words, /** @type {string[]} */ to) =>
    el("button", { type: "button", class: "secondary", onclick: () => turn(to) }, words);
  const buttons = [];
  if (trail.length) buttons.push(button(t("list.previous"), trail.slice(0, -1)));
  if (next) buttons.push(button(t("list.next"), [...trail, next]));
  byId("pager").replaceChildren(...buttons);
  byId("pager").hidden = !buttons.length;
}

search.addEventListener("submit", (event) => {
  event.preventDefault();
  const value = field(search, "value").value.trim();
  searched = value ? { field: field(search, "field").value, value } : null;
  byId("search-clear").hidden = !searched;
  void show();
});
byId("search-clear").addEventListener("click", () => {
  search.reset();
  search.requestSubmit();
  field(search, "value").focus();
});
filter.addEventListener("change", () => {
  const wanted = new URLSearchParams();
  for (const name of FILTERS) if (field(filter, name).value) wanted.set(name, field(filter, name).value);
  history.pushState(null, "", wanted.size ? `?${wanted}` : location.pathname);
  void show();
});
addEventListener("popstate", () => {
  reflect();
  void show();
});

function reflect() {
  for (const name of FILTERS) field(filter, name).value = asked().get(name) ?? "";
}

async function fillButtons() {
  const { body } = await api("GET", "/v1/buttons").catch(() => ({ body: { items: [] } }));
  for (const button of body.items)
    field(filter, "button_id").append(el("option", { value: button.id }, button.name));
  reflect();
}

void fillButtons();
void show();
