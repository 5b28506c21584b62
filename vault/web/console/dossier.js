// @ts-check
/** One call afterwards: its line of the list at once; who called, chat and notes when they are asked for. */

import { dateTime, spokenDuration } from "../shared/i18n.js";
import { Problem, api, sentenceOf } from "./api.js";
import { byId, el, facts, note } from "./dom.js";
import { pageInWords } from "./incoming.js";
import { keptPanel } from "./kept_panel.js";
import { messageLine } from "./message_list.js";
import { dispositionInWords, notePanel } from "./note_panel.js";
import { contentInWords, sideInWords, sidesOf } from "./sides.js";
import { exact, language, named, t } from "./words.js";

const root = byId("dossier");
const id = root.dataset.id ?? "";

/** @param {string} name @param {string} title @param {...import("./dom.js").Child} children */
function panel(name, title, ...children) {
  const heading = `${name}-title`;
  return el("section", { class: "card panel", "aria-labelledby": heading }, el("h2", { id: heading }, title), ...children);
}

/** @param {any} call */
async function about(call) {
  const lasted =
    call.taken_at && call.ended_at
      ? spokenDuration(language, Date.parse(call.ended_at) - Date.parse(call.taken_at))
      : "";
  /** @type {[string, string][]} */
  const rows = [
    [t("history.col_date"), exact(call.created_at)],
    [t("history.col_button"), call.button_name],
    [t("history.col_agent"), call.taken_by?.name ?? ""],
    [t("history.col_duration"), lasted],
    [t("history.col_disposition"), await dispositionInWords(call.disposition)],
  ];
  return panel("about", t("dossier.about"), facts(rows.filter(([, value]) => value)));
}

/** @param {any[]} sides */
function recordings(sides) {
  const line = (/** @type {any} */ item) =>
    el(
      "li",
      {},
      el(
        "div",
        {},
        el("a", { href: `/console/recordings/${item.id}` }, sideInWords(item)),
        el("p", { class: "muted small" }, contentInWords(item)),
      ),
      el("span", { class: `badge badge-${item.state}` }, named("state", item.state)),
    );
  const list = sides.length ? el("ul", { class: "sides" }, sides.map(line)) : el("p", { class: "muted" }, t("dossier.no_recordings"));
  return panel("recordings", t("dossier.recordings"), list);
}

/** Nothing personal is fetched before somebody asks for it: the look is in the ledger. */
function closed() {
  const place = el("div", { class: "trouble" });
  const open = async () => {
    button.disabled = true;
    try {
      const { body } = await api("GET", `/v1/calls/${id}/dossier`);
      opened.replaceChildren(...(await personal(body)));
      /** @type {HTMLElement | null} */ (opened.querySelector("h2"))?.focus();
    } catch (caught) {
      if (caught instanceof Problem && caught.code === "restricted") return void start();
      button.disabled = false;
      place.replaceChildren(note("danger", sentenceOf(caught)));
    }
  };
  const button = el("button", { type: "button", class: "primary", onclick: open }, t("dossier.open"));
  const opened = el(
    "div",
    { class: "dossier-opened" },
    panel("who", t("dossier.who"), el("p", { class: "muted" }, t("dossier.lead")), place, el("div", {}, button)),
  );
  return opened;
}

/** @param {any} body */
async function personal({ visitor, page_url: page, messages, notes }) {
  const mark = (/** @type {string} */ name) =>
    visitor.verified.includes(name) && el("span", { class: "badge badge-ready" }, t("dossier.verified"));
  /** @type {[string, any][]} */
  const rows = ["name", "reference", "email", "phone"]
    .filter((name) => visitor[name])
    .map((name) => [t(`search.${name}`), [visitor[name], " ", mark(name)]]);
  if (page) rows.push([t("desk.page"), pageInWords(page)]);
  const who = panel("who", t("dossier.who"), rows.length ? facts(rows) : el("p", { class: "muted" }, t("dossier.nobody")));
  who.querySelector("h2")?.setAttribute("tabindex", "-1");
  const name = visitor.name || visitor.reference || t("desk.visitor");
  const lines = messages.map((/** @type {any} */ message) => messageLine(message, name));
  const chat = lines.length ? el("div", { class: "message-log" }, lines) : el("p", { class: "muted" }, t("dossier.no_messages"));
  const written = await Promise.all(notes.map(noteOf));
  const noted = written.length ? written : [el("p", { class: "muted" }, t("dossier.no_notes"))];
  return [who, panel("chat", t("chat.title"), chat), panel("notes", t("dossier.notes"), ...noted)];
}

/** @param {any} noted */
async function noteOf(noted) {
  const how = noted.disposition && `${await dispositionInWords(noted.disposition)} · `;
  return el(
    "article",
    { class: "noted" },
    el("p", { class: "muted small" }, how, noted.author.name, " · ", exact(noted.updated_at)),
    el("p", { class: "message-text" }, noted.text || t("note.empty")),
  );
}

/** Why the call is still here; a restricted one says so where it would be opened. @param {any} call @param {any[]} sides @param {string} me @param {Set<string>} may */
function kept(call, sides, me, may) {
  const names = new Map(sides.map((side) => [side.id, sideInWords(side)]));
  return keptPanel({
    kind: "call",
    id,
    callId: id,
    buttonId: call.button_id,
    me,
    may,
    nameOf: (of, kind) => names.get(of) ?? t(`kept.kind_${kind}`),
    told: ({ why }) => {
      if (why === "restricted") byId("personal").replaceChildren(note("warn", t("dossier.restricted")));
    },
    changed: () => start().then(() => (document.getElementById("kept-title") ?? byId("title")).focus()),
  });
}

async function start() {
  try {
    const [{ body: call }, { body: me }] = await Promise.all([
      api("GET", `/v1/calls/${id}/summary`),
      api("GET", "/v1/me"),
    ]);
    const may = new Set(me.permissions);
    const sides = await sidesOf(id).catch(() => []);
    const badge = el("span", { class: `badge badge-${call.outcome}` }, named("outcome", call.outcome));
    const title = t("dossier.title", { date: dateTime(language, call.created_at) });
    const opens = may.has("call:personal") && !call.erased_at;
    root.replaceChildren(
      el("header", {}, el("h1", { id: "title", tabindex: "-1" }, title), el("p", {}, badge)),
      el(
        "div",
        { class: "columns" },
        el(
          "div",
          { class: "dossier-main" },
          el("div", { id: "personal" }, call.erased_at ? note("info", t("dossier.erased")) : opens && closed()),
          kept(call, sides, me.id, may),
        ),
        el(
          "div",
          { class: "side" },
          await about(call),
          recordings(sides),
          may.has("call:note") && !call.erased_at && panel("note", t("note.title"), notePanel(id).element),
        ),
      ),
    );
  } catch (caught) {
    const isGone = caught instanceof Problem && caught.status === 404;
    root.replaceChildren(
      el("h1", {}, t("dossier.unknown")),
      isGone ? note("info", t("dossier.unknown_text")) : note("danger", sentenceOf(caught), { label: t("shell.retry"), act: start }),
    );
  } finally {
    root.removeAttribute("aria-busy");
  }
}

void start();
