// @ts-check
/** "Why is this still here, and when does it go?": of a recording or a call, with what keeps it and what can be done. */

import { api, sentenceOf } from "./api.js";
import { el, note } from "./dom.js";
import { holdItem } from "./hold_item.js";
import { placeHold, placeRestriction } from "./placing.js";
import { restrictionItem } from "./restriction_item.js";
import { changeInWords, ruleInWords, shortly, whyInSentences } from "./standing.js";
import { t } from "./words.js";

const LISTED = 50; // of one call: nobody places more

/**
 * @typedef {object} Kept
 * @property {"media" | "call"} kind
 * @property {string} id
 * @property {string} callId
 * @property {string} buttonId
 * @property {string} me
 * @property {Set<string>} may
 * @property {boolean} [isAsked]  its erasure was asked for
 * @property {(id: string, kind: string) => string} [nameOf]  what hangs from a call, in words
 * @property {(standing: import("./standing.js").Standing) => void} [told]  how it stands, each time it is read
 * @property {() => void} changed  a person has placed or ended something
 */

/** @param {Kept} kept */
export function keptPanel(kept) {
  const body = el("div", { class: "kept", "aria-busy": "true" }, el("p", { class: "muted" }, t("shell.loading")));
  const head = el("h2", { id: "kept-title", tabindex: "-1" }, t("kept.title"));
  const read = async () => {
    try {
      body.replaceChildren(...(await content(kept)));
    } catch (caught) {
      body.replaceChildren(note("warn", `${t("kept.failed")} ${sentenceOf(caught)}`, { label: t("shell.retry"), act: read }));
    } finally {
      body.removeAttribute("aria-busy");
    }
  };
  void read();
  return el("section", { class: "card panel kept-panel", "aria-labelledby": "kept-title" }, head, body);
}

/** @param {Kept} kept */
async function content(kept) {
  const path = kept.kind === "call" ? "calls" : "media";
  const [{ body }, holds, restrictions, changes] = await Promise.all([
    api("GET", `/v1/${path}/${kept.id}/retention`),
    listed(kept, "holds"),
    listed(kept, "restrictions"),
    waiting(kept),
  ]);
  const all = kept.kind === "call" ? body.items : [body];
  const [first, ...parts] = all;
  kept.told?.(first);
  const around = { me: kept.me, may: kept.may, changed: kept.changed, here: kept.id };
  const gone = first.why === "erased";
  return [
    ...whyInSentences(first, kept.isAsked).map((sentence) => el("p", { class: "kept-why" }, sentence)),
    ruleLine(first),
    ...changes.map((change) => changeInWords(change, first, kept.buttonId)).filter(Boolean).map((sentence) => note("info", sentence)),
    parts.length ? partsOf(parts, kept) : "",
    await listOf("hold.list", holds, (one) => holdItem(one, around)),
    await listOf("restriction.list", restrictions, (one) => restrictionItem(one, around)),
    gone ? "" : buttons(kept),
  ].filter((child) => child !== "");
}

/** @param {any} first */
function ruleLine(first) {
  const rule = ruleInWords(first);
  return rule ? el("p", { class: "muted small" }, rule, " ", t("kept.rule_of_its_day")) : "";
}

/** What hangs from a call, each with its own end. @param {any[]} parts @param {Kept} kept */
function partsOf(parts, kept) {
  const line = (/** @type {any} */ one) =>
    el(
      "li",
      {},
      el("span", {}, kept.nameOf?.(one.object_id, one.kind) ?? t(`kept.kind_${one.kind}`)),
      el("span", { class: "muted small" }, shortly(one)),
    );
  return el("div", { class: "kept-list" }, el("h3", {}, t("kept.parts")), el("ul", { class: "kept-parts" }, parts.map(line)));
}

/**
 * What lasts on this thing: of a recording, what is on itself or on its whole call.
 * @param {Kept} kept
 * @param {"holds" | "restrictions"} what
 * @returns {Promise<any[]>}
 */
async function listed(kept, what) {
  if (!kept.may.has(`${what}:read`)) return [];
  const { body } = await api("GET", `/v1/${what}?lasting=true&call_id=${kept.callId}&limit=${LISTED}`);
  const isHere = (/** @type {any} */ one) => kept.kind === "call" || one.media_id === null || one.media_id === kept.id;
  return body.items.filter(isHere);
}

/** @param {Kept} kept @returns {Promise<any[]>} */
async function waiting(kept) {
  if (!kept.may.has("retention:read")) return [];
  return (await api("GET", "/v1/retention-changes")).body.items;
}

/** @param {string} title @param {any[]} items @param {(one: any) => Promise<HTMLElement>} show */
async function listOf(title, items, show) {
  if (!items.length) return "";
  const shown = await Promise.all(items.map(show));
  return el("div", { class: "kept-list" }, el("h3", {}, t(title)), el("ul", { class: "placed-list" }, shown));
}

/** @param {Kept} kept */
function buttons(kept) {
  const button = (/** @type {string} */ words, /** @type {() => void} */ onclick) =>
    el("button", { type: "button", class: "secondary small", "aria-haspopup": "dialog", onclick }, words);
  const made = [
    kept.may.has("holds:manage") && button(t("hold.open"), () => placeHold(kept, kept.me, kept.changed)),
    kept.may.has("restrictions:manage") &&
      !kept.isAsked &&
      button(t("restriction.open"), () => placeRestriction(kept, kept.changed)),
  ];
  return made.some(Boolean) ? el("div", { class: "kept-buttons" }, ...made) : "";
}
