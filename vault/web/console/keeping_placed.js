// @ts-check
/** All legal holds, or all restrictions, of the company: those that last, and on request those that ended. */

import { api, sentenceOf } from "./api.js";
import { el, note } from "./dom.js";
import { holdItem } from "./hold_item.js";
import { restrictionItem } from "./restriction_item.js";
import { t } from "./words.js";

const PAGE_ITEMS = 20;
const KEYS = { holds: "hold", restrictions: "restriction" };
const ITEMS = { holds: holdItem, restrictions: restrictionItem };

/**
 * @param {"holds" | "restrictions"} what
 * @param {{me: string, may: Set<string>}} who
 */
export function placedSection(what, { me, may }) {
  if (!may.has(`${what}:read`)) return "";
  const key = KEYS[what];
  const head = el("h2", { id: `${what}-title`, tabindex: "-1" }, t(`${key}.list`));
  const list = el("ul", { class: "placed-list" });
  const foot = el("div", { class: "placed-foot" });
  const ended = el("input", { type: "checkbox", id: `${what}-ended` });
  const around = {
    me,
    may,
    here: "",
    changed: async () => {
      await read(null);
      head.focus();
    },
  };

  /** @param {string | null} cursor  null reads from the newest */
  async function read(cursor) {
    const query = new URLSearchParams({ limit: String(PAGE_ITEMS), lasting: String(!ended.checked) });
    if (cursor) query.set("cursor", cursor);
    list.setAttribute("aria-busy", "true");
    try {
      const { body } = await api("GET", `/v1/${what}?${query}`);
      const shown = await Promise.all(body.items.map((/** @type {any} */ one) => ITEMS[what](one, around)));
      if (cursor) list.append(...shown);
      else list.replaceChildren(...shown);
      foot.replaceChildren(...after(body.next_cursor));
    } catch (caught) {
      foot.replaceChildren(note("danger", sentenceOf(caught), { label: t("shell.retry"), act: () => read(cursor) }));
    } finally {
      list.removeAttribute("aria-busy");
      list.hidden = !list.children.length;
    }
  }

  /** @param {string | null} next */
  function after(next) {
    if (!list.children.length) return [el("p", { class: "muted" }, t(`${key}.none`))];
    if (!next) return [];
    return [el("button", { type: "button", class: "quiet", onclick: () => read(next) }, t("placed.more"))];
  }

  ended.addEventListener("change", () => read(null));
  void read(null);
  return el(
    "section",
    { class: "card panel", "aria-labelledby": `${what}-title` },
    head,
    el("p", { class: "muted" }, t(`${key}.about`)),
    el("label", { class: "check" }, ended, t(`${key}.ended_too`)),
    list,
    foot,
  );
}
