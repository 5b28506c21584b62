// @ts-check
/** The list of recordings: filters and page in the address, so that Back and a shared link both work. */

import { clock, dateTime, spokenDuration } from "../shared/i18n.js";
import { api, sentenceOf } from "./api.js";
import { byId, el, markFault, note, say } from "./dom.js";
import { contentInWords, sideInWords, visitorFirst } from "./sides.js";
import { counted, day, language, named, size, t } from "./words.js";

const PAGE_ITEMS = 25; // a screen and a half: fewer makes people page, more makes a phone wait
const FILTERS = /** @type {const} */ (["button_id", "state", "from", "to"]);

const form = /** @type {HTMLFormElement} */ (byId("filter-form"));
const wide = matchMedia("(min-width: 48rem)");

/** @param {string} name @returns {HTMLInputElement | HTMLSelectElement} */
const field = (name) => /** @type {any} */ (form.elements.namedItem(name));

/** What the address asks for; a cursor names the page. */
const asked = () => new URLSearchParams(location.search);

/**
 * Local days to moments: the whole last day belongs to the range.
 * @param {string} localDay YYYY-MM-DD
 * @param {number} daysLater
 */
function startOfDay(localDay, daysLater = 0) {
  const [year, month, date] = localDay.split("-").map(Number);
  return new Date(year, month - 1, date + daysLater).toISOString();
}

/** The API's query for what the address asks. */
function query() {
  const wanted = asked();
  const sent = new URLSearchParams({ limit: String(PAGE_ITEMS) });
  for (const name of ["button_id", "state", "cursor"]) {
    const value = wanted.get(name);
    if (value) sent.set(name, value);
  }
  const [from, to] = [wanted.get("from"), wanted.get("to")];
  if (from) sent.set("from", startOfDay(from));
  if (to) sent.set("to", startOfDay(to, 1));
  return sent;
}

/** @param {any} item */
function duration(item) {
  if (!item.duration_ms) return "";
  // The clock for the eye, whole words for the ear.
  return [
    el("span", { "aria-hidden": "true" }, clock(item.duration_ms)),
    el("span", { class: "cv-said" }, spokenDuration(language, item.duration_ms)),
  ];
}

/** @param {any} item */
function stateCell(item) {
  const erased = item.state === "erased" && item.erased_at;
  const words = erased ? t("list.erased_on", { date: day(item.erased_at) }) : named("state", item.state);
  return el("span", { class: `badge badge-${item.state}` }, words);
}

/**
 * @param {any} item
 * @param {boolean} isFirst  of its call: what is the same for all sides is written once
 */
function row(item, isFirst) {
  const when = dateTime(language, item.started_at ?? item.created_at);
  // Roles are written out: the phone's card layout would take the table's own away.
  const cell = (/** @type {string} */ name, /** @type {any} */ value) =>
    el("td", { role: "cell", class: `cell-${name}` }, value);
  return el(
    "tr",
    { role: "row", class: item.state === "erased" ? "is-erased" : null },
    el(
      "th",
      { role: "rowheader", scope: "row", class: "cell-date" },
      el("a", { href: `/console/recordings/${item.id}` }, when),
    ),
    cell("button", isFirst ? (item.button_name ?? "") : ""),
    cell("side", sideInWords(item)),
    cell("duration", duration(item)),
    cell("content", contentInWords(item)),
    cell("size", item.size_bytes ? size(item.size_bytes) : ""),
    cell("state", stateCell(item)),
  );
}

/** The sides of one call beside each other, in the order of what was listed first. @param {any[]} items */
function byCall(items) {
  /** @type {Map<string, any[]>} */
  const calls = new Map();
  for (const item of items) calls.set(item.call_id, [...(calls.get(item.call_id) ?? []), item]);
  return [...calls.values()].map((sides) =>
    el(
      "tbody",
      { role: "rowgroup" },
      sides.sort(visitorFirst).map((item, at) => row(item, at === 0)),
    ),
  );
}

/** @param {any[]} items */
function table(items) {
  const heads = ["date", "button", "side", "duration", "content", "size", "state"].map((name) =>
    el("th", { role: "columnheader", scope: "col", class: `cell-${name}` }, t(`list.col_${name}`)),
  );
  return el(
    "table",
    { class: "recordings", role: "table" },
    el("caption", { class: "cv-said" }, t("list.caption")),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads)),
    byCall(items),
  );
}

function nothing() {
  const kind = FILTERS.some((name) => asked().get(name)) ? "no_match" : "none";
  return el(
    "div",
    { class: "card empty" },
    el("h2", {}, t(`list.${kind}_title`)),
    el("p", { class: "muted" }, t(`list.${kind}_text`)),
  );
}

/**
 * Next and previous. The API pages forward only, so the way back is kept in the history entry; a page
 * reached by a shared address has no way back but the first page.
 * @param {string | null} next
 */
function pager(next) {
  const here = asked().get("cursor");
  const trail = /** @type {string[]} */ (history.state?.trail ?? []);
  const buttons = [];
  if (here) {
    const back = trail.length ? t("list.previous") : t("list.first");
    buttons.push(
      el(
        "button",
        { type: "button", class: "secondary", onclick: () => turn(trail.at(-1) ?? "", trail.slice(0, -1)) },
        back,
      ),
    );
  }
  if (next) {
    const onclick = () => turn(next, [...trail, here ?? ""]);
    buttons.push(el("button", { type: "button", class: "secondary next", onclick }, t("list.next")));
  }
  byId("pager").replaceChildren(...buttons);
  byId("pager").hidden = !buttons.length;
}

/** @param {string} cursor @param {string[]} trail */
async function turn(cursor, trail) {
  const wanted = asked();
  if (cursor) wanted.set("cursor", cursor);
  else wanted.delete("cursor");
  history.pushState({ trail }, "", address(wanted));
  await show();
  byId("content").focus({ preventScroll: true });
  scrollTo({ top: 0 });
}

/** @param {URLSearchParams} wanted */
const address = (wanted) => (wanted.size ? `?${wanted}` : location.pathname);

let showing = 0;

async function show() {
  const mine = ++showing;
  const list = byId("list");
  list.setAttribute("aria-busy", "true");
  try {
    const { body } = await api("GET", `/v1/media?kind=recording&${query()}`);
    if (mine !== showing) return; // a later choice is already on its way
    list.replaceChildren(body.items.length ? table(body.items) : nothing());
    pager(body.next_cursor);
    say(body.items.length ? counted("list.shown", body.items.length) : t("list.no_match_title"));
  } catch (caught) {
    if (mine !== showing) return;
    list.replaceChildren(
      note("danger", `${t("list.failed")} ${sentenceOf(caught)}`, { label: t("shell.retry"), act: show }),
    );
    byId("pager").hidden = true;
  } finally {
    if (mine === showing) list.removeAttribute("aria-busy");
  }
}

async function fillButtons() {
  // Without the names the other filters still work, so a failure here stays silent.
  const { body } = await api("GET", "/v1/buttons?limit=200").catch(() => ({ body: { items: [] } }));
  for (const button of body.items) field("button_id").append(el("option", { value: button.id }, button.name));
  field("button_id").value = asked().get("button_id") ?? "";
}

/** The form shows what the address asks. */
function reflect() {
  for (const name of FILTERS) field(name).value = asked().get(name) ?? "";
  const on = FILTERS.some((name) => asked().get(name));
  byId("filters-summary").textContent = t(on ? "list.filters_on" : "list.filters");
  byId("clear").hidden = !on;
}

/** @param {SubmitEvent} event */
function apply(event) {
  event.preventDefault();
  const wrong = field("from").value && field("to").value && field("from").value > field("to").value;
  markFault(field("from"), byId("range-fault"), wrong ? t("list.range_wrong") : "");
  if (wrong) {
    field("from").focus();
    return;
  }
  const wanted = new URLSearchParams();
  for (const name of FILTERS) if (field(name).value) wanted.set(name, field(name).value);
  history.pushState({ trail: [] }, "", address(wanted));
  reflect();
  show();
}

function clear() {
  form.reset();
  form.requestSubmit();
  field("button_id").focus();
}

/** On a desk the filters are always there; on a phone they fold away. */
function fold() {
  /** @type {HTMLDetailsElement} */ (byId("filters")).open = wide.matches;
}

form.addEventListener("submit", apply);
byId("clear").addEventListener("click", clear);
wide.addEventListener("change", fold);
window.addEventListener("popstate", () => {
  reflect();
  show();
});
fold();
reflect();
fillButtons();
show();
