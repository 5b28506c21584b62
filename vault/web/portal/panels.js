// @ts-check
/** What the page shows of a call: the state in one sentence, what is kept, what the visitor can decide. */

import { dateTime, spokenDuration } from "../shared/i18n.js";
import { h, icon } from "../widget/dom.js";

/** @typedef {import("./visit.js").Kept} Kept */
/** @typedef {import("./visit.js").Item} Item */
/** @typedef {import("./visit.js").Asked} Asked */
/** @typedef {import("./visit.js").KeptState} KeptState */
/**
 * @typedef {{language: import("../shared/i18n.js").Language, t: import("../shared/i18n.js").Translate,
 *   withdraw: () => void, erase: () => void, receipt: (asked: Asked) => void}} Scene
 */
/** @typedef {"live" | "kept" | "nothing" | "erasing" | "erased" | "gone"} Summary */

/** @type {Readonly<Record<Summary, [string, import("../widget/dom.js").IconName]>>} tone and picture */
const TONES = Object.freeze({
  live: ["info", "phone"],
  kept: ["info", "lock"],
  nothing: ["ok", "notKept"],
  erasing: ["warn", "clock"],
  erased: ["ok", "done"],
  gone: ["ok", "done"],
});
/** @type {Readonly<Record<string, import("../widget/dom.js").IconName>>} */
const PICTURES = Object.freeze({ camera: "person", screen: "screen", copy: "copy" });
const REASONS = Object.freeze(["visitor_request", "consent_withdrawn", "retention"]);

/** @param {Kept} kept */
export function statesOf({ items, chat, details }) {
  return [...items.map(({ state }) => state), chat, details];
}

/** Whether something changes by itself. @param {Kept} kept */
export function isMoving(kept) {
  const moving = ["being_made", "being_erased"];
  return statesOf(kept).some((state) => moving.includes(state)) || kept.requests.some((one) => !one.completed_at);
}

/**
 * @param {Kept} kept
 * @returns {Summary}
 */
export function summaryOf(kept) {
  const states = kept.items.map(({ state }) => state);
  if (kept.state !== "ended") return "live";
  if (kept.erased_at) return "gone";
  if (kept.requests.some((one) => !one.completed_at)) return "erasing";
  if (kept.chat === "kept" || states.some((state) => state === "kept" || state === "being_made")) return "kept";
  return states.includes("erased") ? "erased" : "nothing";
}

/**
 * @param {Kept} kept
 * @param {Scene} scene
 */
export function page(kept, scene) {
  const { t, language } = scene;
  return [
    h("h1", { id: "title", tabindex: "-1" }, t("title", { tenant: kept.tenant_name })),
    h("p", { class: "when" }, dateTime(language, kept.created_at)),
    summary(kept, scene),
    h("div", { class: "columns" }, list(kept, scene), h("div", { class: "decide" }, consent(kept, scene), erasure(kept, scene))),
    h("p", { class: "yours" }, t("yours")),
  ];
}

/**
 * @param {Kept} kept
 * @param {Scene} scene
 */
function summary(kept, { t }) {
  const name = summaryOf(kept);
  const [tone, picture] = TONES[name];
  let text = `sum.${name}_text`;
  if (name === "kept" && kept.consent === "withdrawn") text = "sum.withdrawn_text";
  if (name === "nothing") text = kept.records ? "sum.nothing_lost" : "sum.nothing_off";
  if (name === "nothing" && kept.consent === "refused") text = "sum.nothing_refused";
  return h(
    "section",
    { class: `summary ${tone}`, "aria-labelledby": "summary" },
    icon(picture),
    h("div", {}, h("h2", { id: "summary" }, t(`sum.${name}`)), h("p", {}, t(text))),
  );
}

/**
 * @param {Kept} kept
 * @param {Scene} scene
 */
function list(kept, scene) {
  const { t } = scene;
  const rows = kept.items.map((item) => itemRow(item, scene));
  if (kept.chat !== "nothing") rows.push(plainRow("chat", t("kept.chat"), "", kept.chat, kept, scene));
  if (kept.details !== "nothing") rows.push(plainRow("page", t("kept.details"), t("kept.details_text"), kept.details, kept, scene));
  return h(
    "section",
    { class: "card", "aria-labelledby": "kept" },
    h("h2", { id: "kept" }, t(kept.erased_at ? "kept.title_gone" : "kept.title")),
    rows.length ? h("ul", { class: "items" }, ...rows) : h("p", {}, t("kept.none")),
    h("p", { class: "aside" }, t("kept.always")),
  );
}

/**
 * @param {Item} item
 * @param {Scene} scene
 */
function itemRow(item, { t, language }) {
  const told = [];
  if (item.duration_ms !== null) told.push(spokenDuration(language, item.duration_ms));
  if (item.state === "kept") told.push(t("kept.until", { date: day(language, item.retain_until) }));
  const erased = item.erased_at && t("state.erased_on", { date: day(language, item.erased_at) });
  return row(PICTURES[item.kind], t(`kept.${item.side}_${item.kind}`), [told.join(", ")], item.state, erased || t(`state.${item.state}`));
}

/**
 * @param {import("../widget/dom.js").IconName} picture
 * @param {string} name
 * @param {string} text
 * @param {KeptState} state
 * @param {Kept} kept
 * @param {Scene} scene
 */
function plainRow(picture, name, text, state, kept, { t, language }) {
  const until = state === "kept" && kept.retain_until ? t("kept.until", { date: day(language, kept.retain_until) }) : "";
  return row(picture, name, [text, until], state, t(`state.${state}`));
}

/**
 * @param {import("../widget/dom.js").IconName} picture
 * @param {string} name
 * @param {string[]} texts
 * @param {KeptState} state
 * @param {string} badge
 */
function row(picture, name, texts, state, badge) {
  return h(
    "li",
    {},
    icon(picture),
    h("div", {}, h("strong", {}, name), ...texts.filter(Boolean).map((text) => h("span", {}, text))),
    h("span", { class: `badge ${state}` }, badge),
  );
}

/**
 * @param {Kept} kept
 * @param {Scene} scene
 */
function consent(kept, { t, withdraw }) {
  const { consent: choice, on_withdrawal: rule, tenant_name: tenant } = kept;
  if (!kept.records || (choice !== "accepted" && choice !== "withdrawn")) return null;
  const isOpen = choice === "accepted" && !kept.erased_at;
  const after = choice === "withdrawn" ? `_${isGone(kept) ? "gone" : rule}` : "";
  const words = choice === "accepted" && kept.erased_at ? "consent.accepted_gone" : `consent.${choice}${after}`;
  return h(
    "section",
    { class: "card", "aria-labelledby": "consent" },
    h("h2", { id: "consent" }, t("consent.title")),
    h("p", {}, t(words, { tenant })),
    isOpen && h("p", { class: "aside" }, t(`consent.rule_${rule}`, { tenant })),
    isOpen && h("button", { type: "button", id: "withdraw", class: "plain", click: withdraw }, t("consent.withdraw")),
  );
}

/** Whether what a rule of keeping was about is gone all the same. @param {Kept} kept */
function isGone({ erased_at: erasedAt, on_withdrawal: rule, items }) {
  return Boolean(erasedAt) || (rule === "keep" && items.every(({ state }) => state !== "kept"));
}

/**
 * @param {Kept} kept
 * @param {Scene} scene
 */
function erasure(kept, scene) {
  const { t, erase } = scene;
  const isPending = kept.requests.some((one) => !one.completed_at);
  const isLeft = statesOf(kept).some((state) => state === "kept" || state === "being_made");
  const isOffered = isLeft && !isPending && !kept.erased_at;
  if (!isOffered && !kept.requests.length) return null;
  const isLive = kept.state !== "ended";
  return h(
    "section",
    { class: "card", "aria-labelledby": "erasure" },
    h("h2", { id: "erasure" }, t("erase.title")),
    kept.requests.length > 0 && h("ol", { class: "asked" }, ...kept.requests.map((one) => asked(one, kept, scene))),
    isOffered && h("p", {}, t("erase.text")),
    isOffered && isLive && h("p", { class: "aside" }, t("erase.live")),
    isOffered && !isLive && h("button", { type: "button", id: "erase", class: "danger", click: erase }, t("erase.button")),
  );
}

/**
 * @param {Asked} one
 * @param {Kept} kept
 * @param {Scene} scene
 */
function asked(one, { tenant_name: tenant }, { t, language, receipt }) {
  const reason = REASONS.includes(one.reason) ? one.reason : "other";
  const told = one.completed_at
    ? t("erase.done_on", { date: dateTime(language, one.completed_at) })
    : t("erase.since", { date: dateTime(language, one.requested_at) });
  return h(
    "li",
    {},
    icon(one.completed_at ? "done" : "clock"),
    h(
      "div",
      {},
      h("strong", {}, t(`erase.reason_${reason}`, { tenant })),
      h("span", {}, told),
      one.receipt_url && h("button", { type: "button", id: one.id, class: "plain", click: () => receipt(one) }, t("erase.receipt")),
      one.receipt_url && h("span", {}, t("erase.receipt_text", { tenant })),
      one.receipt_url && h("a", { href: "/verify", target: "_blank", rel: "noopener" }, t("erase.verify")),
      one.completed_at && !one.receipt_url && h("span", {}, t("erase.no_receipt", { tenant })),
    ),
  );
}

/**
 * @param {import("../shared/i18n.js").Language} language
 * @param {string} moment
 */
function day(language, moment) {
  return new Intl.DateTimeFormat(language, { dateStyle: "long" }).format(new Date(moment));
}
