// @ts-check
/** How long each kind of thing is kept, for the company and for each button, and changing that from now on. */

import { api, sentenceOf } from "./api.js";
import { el, note, say } from "./dom.js";
import { askInDialog, daysFault, daysInput, field, refusalOf, select } from "./form_dialog.js";
import { counted, t } from "./words.js";

export const KINDS = ["recording", "call", "note", "export"];

/** @typedef {{kind: string, button_id: string | null, days: number, source: string}} Rule */
/** @typedef {{id: string, name: string}} Button */

/**
 * @param {Rule[]} first  the rules as they are now
 * @param {Button[]} buttons
 * @param {Set<string>} may
 * @param {(kind: string, buttonId: string | null, days: number) => void} shorten  look at it for what is kept already
 */
export function rulesSection(first, buttons, may, shorten) {
  const place = el("div", { class: "rules-place" });
  const after = el("div", { class: "trouble" });
  const manages = may.has("retention:manage");
  let rules = first;

  /** @param {string | null} buttonId */
  const change = (buttonId) =>
    new RuleQuestion(rules, buttonId, nameOfScope(buttonId, buttons), async (before, now) => {
      await refresh();
      /** @type {HTMLElement | null} */ (place.querySelector(`[data-scope="${buttonId ?? ""}"]`))?.focus();
      say(t("rule.changed"));
      after.replaceChildren(outcome(before, now, shorten));
    });

  const show = () => place.replaceChildren(table(rules, buttons, manages ? change : null));

  async function refresh() {
    try {
      rules = (await api("GET", "/v1/retention-rules")).body.items;
      show();
    } catch (caught) {
      after.replaceChildren(note("danger", sentenceOf(caught), { label: t("shell.retry"), act: refresh }));
    }
  }

  show();
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "rules-title" },
    el("h2", { id: "rules-title" }, t("rule.title")),
    el("p", { class: "muted" }, t("rule.lead")),
    place,
    after,
    el("p", { class: "muted small" }, t("rule.foot")),
  );
}

/** @param {string | null} buttonId @param {Button[]} buttons */
export function nameOfScope(buttonId, buttons) {
  if (buttonId === null) return t("rule.company");
  return buttons.find((one) => one.id === buttonId)?.name ?? t("rule.button_gone");
}

/** What was changed, and what it does not do. @param {Rule} before @param {Rule} now @param {any} shorten */
function outcome(before, now, shorten) {
  const words = { kind: t(`rule.kind_${now.kind}`), days: counted("kept.days", now.days) };
  if (now.days >= before.days) return note("ok", t("rule.outcome", words));
  const act = () => shorten(now.kind, now.button_id, now.days);
  return note("ok", t("rule.outcome_shorter", words), { label: t("rule.shorten_too"), act });
}

/** The rule that stands for a kind there, or none of its own. @param {Rule[]} rules @param {string} kind @param {string | null} at */
const ruleAt = (rules, kind, at) => rules.find((one) => one.kind === kind && one.button_id === at);

/**
 * @param {Rule[]} rules
 * @param {Button[]} buttons
 * @param {((buttonId: string | null) => void) | null} change
 */
function table(rules, buttons, change) {
  const head = (/** @type {string} */ words, /** @type {string} */ name) =>
    el("th", { role: "columnheader", scope: "col", class: `cell-${name}` }, words);
  const scopes = [null, ...buttons.map((one) => one.id)];
  return el(
    "table",
    { class: "rules", role: "table" },
    el("caption", { class: "cv-said" }, t("rule.caption")),
    el(
      "thead",
      { role: "rowgroup" },
      el(
        "tr",
        { role: "row" },
        head(t("rule.for"), "scope"),
        KINDS.map((kind) => head(t(`rule.kind_${kind}`), "days")),
        change && head(t("rule.what_to_do"), "act"),
      ),
    ),
    el("tbody", { role: "rowgroup" }, scopes.map((at) => row(rules, at, nameOfScope(at, buttons), change))),
  );
}

/** @param {Rule[]} rules @param {string | null} at @param {string} name @param {((buttonId: string | null) => void) | null} change */
function row(rules, at, name, change) {
  const cell = (/** @type {string} */ kind) =>
    el(
      "td",
      { role: "cell", class: "cell-days" },
      el("span", { class: "cell-label", "aria-hidden": "true" }, t(`rule.kind_${kind}`)),
      ...said(rules, kind, at),
    );
  const button = () =>
    el(
      "button",
      {
        type: "button",
        class: "quiet",
        "data-scope": at ?? "",
        "aria-haspopup": "dialog",
        "aria-label": `${t("rule.change")} (${name})`,
        onclick: () => change?.(at),
      },
      t("rule.change"),
    );
  return el(
    "tr",
    { role: "row" },
    el("th", { role: "rowheader", scope: "row", class: "cell-scope" }, name),
    KINDS.map(cell),
    change && el("td", { role: "cell", class: "cell-act" }, button()),
  );
}

/** How long, and where that comes from. @param {Rule[]} rules @param {string} kind @param {string | null} at */
function said(rules, kind, at) {
  const own = ruleAt(rules, kind, at);
  const company = ruleAt(rules, kind, null);
  const rule = own ?? company;
  if (!rule) return [];
  const source = own ? t(`rule.source_${own.source}`) : t("rule.as_company");
  const follows = kind === "call" && rule.source === "house";
  const days = follows ? t("rule.as_recordings") : counted("kept.days", rule.days);
  const isOwn = own && own.source !== "house";
  return [
    el("span", { class: isOwn ? "rule-days rule-own" : "rule-days" }, days),
    el("span", { class: "rule-source" }, source),
  ];
}

/** One change of a rule, for what begins from now on. */
class RuleQuestion {
  /**
   * @param {Rule[]} rules
   * @param {string | null} at
   * @param {string} name
   * @param {(before: Rule, now: Rule) => Promise<void>} done
   */
  constructor(rules, at, name, done) {
    this.rules = rules;
    this.at = at;
    this.done = done;
    this.kind = select("rule-kind", KINDS.map((kind) => [kind, t(`rule.kind_${kind}`)]));
    this.days = daysInput("rule-days", "");
    this.trouble = el("div", { class: "trouble" });
    this.unset = el("button", { type: "button", class: "quiet", onclick: () => this.#unset() });
    this.kind.addEventListener("change", () => this.#turn());
    this.#turn();
    this.dialog = askInDialog({
      name: "rule",
      title: t("rule.dialog", { name }),
      lead: [el("p", { class: "muted" }, t("rule.dialog_lead"))],
      fields: [field(t("rule.kind"), this.kind), field(t("rule.days"), this.days, { fault: () => daysFault(this.days) })],
      extra: el("div", { class: "rule-unset" }, this.trouble, this.unset),
      submit: t("rule.submit"),
      send: () => api("PUT", this.#path, { body: { days: Number(this.days.value) } }),
      done: ({ body }) => this.done(this.#before, body),
    });
  }

  get #before() {
    const found = ruleAt(this.rules, this.kind.value, this.at) ?? ruleAt(this.rules, this.kind.value, null);
    return /** @type {Rule} */ (found);
  }

  get #path() {
    return `/v1/retention-rules/${this.kind.value}${this.at === null ? "" : `?button_id=${this.at}`}`;
  }

  #turn() {
    const own = ruleAt(this.rules, this.kind.value, this.at);
    this.days.value = String(this.#before.days);
    this.unset.hidden = !own || own.source === "house";
    this.unset.textContent = t(this.at === null ? "rule.unset_company" : "rule.unset_button");
  }

  /** The more general rule counts again. */
  async #unset() {
    this.unset.disabled = true;
    try {
      const { body } = await api("DELETE", this.#path);
      this.dialog.close();
      void this.done(this.#before, { ...body, button_id: this.at });
    } catch (caught) {
      this.trouble.replaceChildren(note("danger", refusalOf(caught)));
      this.unset.disabled = false;
    }
  }
}
