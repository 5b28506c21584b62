// @ts-check
/** Who did what with a recording: read from the ledger, newest first. */

import { api, sentenceOf } from "./api.js";
import { el, note } from "./dom.js";
import { purposeInWords } from "./purpose.js";
import { exact, knows, named, t } from "./words.js";

const PAGE_ITEMS = 20;
const PSEUDONYM = /^[\w+/-]{40,}=*$/; // a keyed hash, shown to roles that may not know the name
const MARK_CHARS = 6; // enough of it to tell two people apart

/** @param {string} actor */
function actorInWords(actor) {
  if (actor === "system") return t("access.system");
  if (actor === "unnamed") return t("access.unnamed");
  return PSEUDONYM.test(actor) ? t("access.person", { mark: actor.slice(0, MARK_CHARS) }) : actor;
}

/**
 * Why: of an erasure or of an ending; other results are for programs.
 * @param {string | null} result
 */
function reasonInWords(result) {
  const family = ["reason", "end"].find((one) => knows(one, result ?? ""));
  return family && el("p", { class: "small" }, t("access.reason", { reason: t(`${family}.${result}`) }));
}

/** @param {any} entry */
function item(entry) {
  const refused = entry.type === "access.refused";
  return el(
    "li",
    { class: refused ? "event is-refused" : "event" },
    el(
      "p",
      { class: "event-what" },
      named("event", entry.type),
      refused && el("span", { class: "refused" }, t("access.refused")),
    ),
    el(
      "p",
      { class: "muted small" },
      `${actorInWords(entry.actor)} · `,
      el("time", { datetime: entry.at }, exact(entry.at)),
    ),
    entry.purpose &&
      el("p", { class: "small" }, t("access.purpose", { purpose: purposeInWords(entry.purpose) })),
    reasonInWords(entry.result),
  );
}

/**
 * @param {string} path  of the recording in the API
 * @returns {{element: HTMLElement, refresh: () => void}}
 */
export function accessHistory(path) {
  const list = el("ol", { class: "events" });
  const foot = el("div", {});
  const element = el(
    "section",
    { class: "card panel history", "aria-labelledby": "history-title" },
    el("h2", { id: "history-title" }, t("access.title")),
    el("p", { class: "muted small" }, t("access.lead")),
    list,
    foot,
  );

  /** @param {string | null} cursor  null reads from the newest and begins anew */
  async function read(cursor) {
    const query = new URLSearchParams({ limit: String(PAGE_ITEMS) });
    if (cursor) query.set("cursor", cursor);
    try {
      const { body } = await api("GET", `${path}/access?${query}`);
      const items = body.items.map(item);
      if (cursor) list.append(...items);
      else list.replaceChildren(...items);
      if (cursor) items[0]?.scrollIntoView({ block: "nearest" });
      foot.replaceChildren(...after(body.next_cursor));
    } catch (caught) {
      const retry = { label: t("shell.retry"), act: () => read(cursor) };
      foot.replaceChildren(note("warn", `${t("access.failed")} ${sentenceOf(caught)}`, retry));
    }
  }

  /** @param {string | null} next */
  function after(next) {
    if (!list.children.length) return [el("p", { class: "muted" }, t("access.empty"))];
    if (!next) return [];
    return [el("button", { type: "button", class: "quiet", onclick: () => read(next) }, t("access.more"))];
  }

  read(null);
  return { element, refresh: () => read(null) };
}
