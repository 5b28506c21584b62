// @ts-check
/** Who did what with a recording: read from the ledger, newest first. */

import { api, sentenceOf } from "./api.js";
import { el, note } from "./dom.js";
import { purposeInWords } from "./purpose.js";
import { exact, named, t } from "./words.js";

const PAGE_ITEMS = 20;
const GOOD = new Set(["ok", "allowed", "done", "success", ""]); // results that need no word of their own

/** @param {any} entry */
function item(entry) {
  const refused = !GOOD.has(entry.result ?? "");
  return el(
    "li",
    { class: refused ? "event is-refused" : "event" },
    el("p", { class: "event-what" }, named("event", entry.type), refused && el("span", { class: "refused" }, t("access.refused"))),
    el("p", { class: "muted small" }, `${entry.actor || t("access.someone")} · `, el("time", { datetime: entry.at }, exact(entry.at))),
    entry.purpose && el("p", { class: "small" }, t("access.purpose", { purpose: purposeInWords(entry.purpose) })),
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
