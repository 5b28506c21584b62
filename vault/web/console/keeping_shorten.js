// @ts-check
/** Shorter for what is kept already: looked at first, then asked for, then a time to think. */

import { api } from "./api.js";
import { el, note, say } from "./dom.js";
import { askInDialog, busy, daysFault, daysInput, field, poster, refusalOf, select } from "./form_dialog.js";
import { KINDS } from "./keeping_rules.js";
import { counted, day, t } from "./words.js";

/**
 * @param {{id: string, name: string}[]} buttons
 * @param {Set<string>} may
 * @param {(toFocus: string) => void} asked  a change waits now: its id
 */
export function shortenSection(buttons, may, asked) {
  const kind = select("shorten-kind", KINDS.map((one) => [one, t(`rule.kind_${one}`)]));
  const scope = select("shorten-scope", buttons.map((one) => [one.id, one.name]), t("shorten.company"));
  const days = daysInput("shorten-days", "");
  const number = field(t("shorten.days"), days, { fault: () => daysFault(days) });
  const submit = el("button", { type: "submit", class: "secondary" }, t("shorten.look"));
  const seen = el("div", { class: "shorten-seen", role: "status" });
  const form = el(
    "form",
    { class: "shorten-form", novalidate: true },
    field(t("rule.kind"), kind).element,
    field(t("rule.for"), scope).element,
    number.element,
    el("div", { class: "shorten-look" }, submit),
  );
  const wanted = () => ({ kind: kind.value, days: Number(days.value), button_id: scope.value || null });

  async function look() {
    if (!number.check()) return days.focus();
    busy(submit, t("shorten.look"), true);
    seen.replaceChildren(el("p", { class: "muted" }, t("shorten.looking")));
    const now = wanted();
    try {
      const { button_id: at, ...rest } = now;
      const query = new URLSearchParams({ kind: rest.kind, days: String(rest.days), ...(at ? { button_id: at } : {}) });
      const { body } = await api("GET", `/v1/retention-preview?${query}`);
      seen.replaceChildren(...preview(now, body, may.has("retention:manage") ? () => confirm(now, body) : null));
    } catch (caught) {
      seen.replaceChildren(note("danger", refusalOf(caught)));
    } finally {
      busy(submit, t("shorten.look"), false);
    }
  }

  /** @param {ReturnType<typeof wanted>} now @param {any} found */
  function confirm(now, found) {
    const post = poster();
    askInDialog({
      name: "shorten",
      title: t("shorten.ask_title"),
      lead: [
        el("p", {}, inWords(now, found)),
        el("p", {}, t("shorten.ask_lead", { date: day(found.applies_at) })),
      ],
      submit: t("shorten.ask_submit"),
      tone: "danger",
      refusals: { conflict: t("shorten.conflict") },
      send: () => post("/v1/retention-changes", { ...now, moves: found.moves }),
      done: ({ body }) => {
        seen.replaceChildren(note("ok", t("shorten.asked", { date: day(body.applies_at) })));
        say(t("shorten.asked", { date: day(body.applies_at) }));
        asked(body.id);
      },
    });
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void look();
  });
  form.addEventListener("change", () => seen.replaceChildren()); // what was seen was of another choice
  return {
    element: el(
      "section",
      { class: "card panel", "aria-labelledby": "shorten-title" },
      el("h2", { id: "shorten-title" }, t("shorten.title")),
      el("p", { class: "muted" }, t("shorten.lead")),
      form,
      seen,
    ),
    /** Look at a choice made elsewhere. @param {string} of @param {string | null} at @param {number} number */
    fill: (of, at, number) => {
      kind.value = of;
      scope.value = at ?? "";
      days.value = String(number);
      submit.focus();
      void look();
    },
  };
}

/** @param {any} wanted @param {any} found */
const inWords = (wanted, found) => counted(`shorten.moves_${wanted.kind}`, found.moves);

/** What it would do. @param {any} wanted @param {any} found @param {(() => void) | null} ask */
function preview(wanted, found, ask) {
  if (!found.moves) return [note("info", t(wanted.button_id ? "shorten.nothing" : "shorten.nothing_company"))];
  const date = day(found.applies_at);
  const lines = [
    found.goes_at_once ? counted("shorten.at_once", found.goes_at_once).replace("{date}", date) : t("shorten.none_at_once"),
    found.earliest && t("shorten.earliest", { date: day(found.earliest) }),
    found.kept ? counted("shorten.kept", found.kept) : t("shorten.none_kept"),
    t("shorten.until", { date }),
  ];
  const button = ask && el("button", { type: "button", class: "danger-quiet", "aria-haspopup": "dialog", onclick: ask }, t("shorten.ask"));
  return [
    el(
      "div",
      { class: "shorten-found" },
      el("p", { class: "shorten-moves" }, inWords(wanted, found)),
      el("ul", {}, lines.filter(Boolean).map((line) => el("li", {}, line))),
      button && el("div", {}, button),
    ),
  ];
}
