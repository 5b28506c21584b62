// @ts-check
/** Keeping and erasing: the rules, shortening them, what lasts beyond them; and the alarm when the clock is not believed. */

import { api, sentenceOf } from "./api.js";
import { byId, el, note } from "./dom.js";
import { changesSection } from "./keeping_changes.js";
import { placedSection } from "./keeping_placed.js";
import { rulesSection } from "./keeping_rules.js";
import { shortenSection } from "./keeping_shorten.js";
import { t } from "./words.js";

const root = byId("keeping");

/** Every page of a list. @param {string} path @returns {Promise<any[]>} */
async function all(path) {
  const items = [];
  for (let cursor = ""; ; ) {
    const { body } = await api("GET", `${path}?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    items.push(...body.items);
    if (!body.next_cursor) return items;
    cursor = body.next_cursor;
  }
}

/** Erasing by time stands still: said first, with what to do. */
function alarm() {
  return el(
    "section",
    { class: "note note-danger keeping-alarm", role: "alert", "aria-labelledby": "alarm-title" },
    el("h2", { id: "alarm-title" }, t("keeping.halted_title")),
    el("p", {}, t("keeping.halted_what")),
    el("p", {}, t("keeping.halted_do")),
    el("pre", {}, el("code", {}, "callvault retention resume")),
  );
}

async function start() {
  root.setAttribute("aria-busy", "true");
  try {
    const { body: me } = await api("GET", "/v1/me");
    const may = new Set(me.permissions);
    if (!may.has("retention:read")) return root.replaceChildren(note("info", t("keeping.not_yours")));
    const [{ body: rules }, buttons] = await Promise.all([api("GET", "/v1/retention-rules"), all("/v1/buttons")]);
    const changes = changesSection(buttons, may);
    const shorten = shortenSection(buttons, may, changes.refresh);
    root.replaceChildren(
      rules.halted ? alarm() : "",
      el("p", { class: "keeping-lead" }, t(may.has("retention:manage") ? "keeping.lead" : "keeping.lead_reader")),
      rulesSection(rules.items, buttons, may, shorten.fill),
      shorten.element,
      changes.element,
      placedSection("holds", { me: me.id, may }),
      placedSection("restrictions", { me: me.id, may }),
    );
    if (location.hash) document.getElementById(location.hash.slice(1))?.focus(); // a page leads to one of them
  } catch (caught) {
    root.replaceChildren(
      note("danger", `${t("keeping.failed")} ${sentenceOf(caught)}`, { label: t("shell.retry"), act: start }),
    );
  } finally {
    root.removeAttribute("aria-busy");
  }
}

void start();
