// @ts-check
/** Shorter rules that were asked for: those that wait can be cancelled until their day. */

import { api, sentenceOf } from "./api.js";
import { el, facts, note, say } from "./dom.js";
import { busy, refusalOf } from "./form_dialog.js";
import { nameOfScope } from "./keeping_rules.js";
import { nameOf } from "./people_names.js";
import { counted, day, t } from "./words.js";

const EARLIER = 20; // those that are over are told for a while

/**
 * @param {{id: string, name: string}[]} buttons
 * @param {Set<string>} may
 */
export function changesSection(buttons, may) {
  const head = el("h2", { id: "changes-title", tabindex: "-1" }, t("change.title"));
  const place = el("div", { class: "changes", "aria-busy": "true" }, el("p", { class: "muted" }, t("shell.loading")));

  /** @param {string} [toFocus]  the change that is to be seen now */
  async function refresh(toFocus) {
    try {
      const { body } = await api("GET", "/v1/retention-changes");
      const isWaiting = (/** @type {any} */ one) => one.state === "waiting";
      const over = body.items.filter((/** @type {any} */ one) => !isWaiting(one)).slice(0, EARLIER);
      const waiting = await Promise.all(body.items.filter(isWaiting).map(item));
      const earlier = await Promise.all(over.map(item));
      place.replaceChildren(
        waiting.length ? el("ul", { class: "placed-list" }, waiting) : el("p", { class: "muted" }, t("change.none")),
        earlier.length ? el("details", {}, el("summary", {}, t("change.earlier")), el("ul", { class: "placed-list" }, earlier)) : "",
      );
      if (toFocus) head.focus();
    } catch (caught) {
      place.replaceChildren(note("danger", sentenceOf(caught), { label: t("shell.retry"), act: () => refresh() }));
    } finally {
      place.removeAttribute("aria-busy");
    }
  }

  /** @param {any} change */
  async function item(change) {
    const what = t("change.what", {
      kind: t(`rule.kind_${change.kind}`),
      name: nameOfScope(change.button_id, buttons),
      days: counted("kept.days", change.days),
    });
    const date = change.ended_at ? day(change.ended_at) : day(change.applies_at);
    const asker = await nameOf(change.asked_by);
    return el(
      "li",
      { class: "placed" },
      el("p", {}, el("span", { class: `badge badge-${change.state}` }, t(`change.state_${change.state}`))),
      el("p", { class: "placed-ground" }, what),
      facts([
        [t(`change.when_${change.state}`), date],
        [t("change.moves"), String(change.moves)],
        [t("change.asked_by"), t("placed.by_on", { name: asker, date: day(change.asked_at) })],
      ]),
      change.state === "waiting" && may.has("retention:manage") && cancel(change, what),
    );
  }

  /** @param {any} change @param {string} what */
  function cancel(change, what) {
    const trouble = el("div", { class: "trouble" });
    const words = t("change.cancel");
    const label = `${words} (${what})`;
    const button = el("button", { type: "button", class: "secondary", "aria-label": label }, words);
    button.addEventListener("click", async () => {
      busy(button, words, true);
      try {
        await api("DELETE", `/v1/retention-changes/${change.id}`);
        say(t("change.cancelled"));
        await refresh(change.id);
      } catch (caught) {
        busy(button, words, false);
        trouble.replaceChildren(note("danger", refusalOf(caught, { conflict: t("change.conflict") })));
      }
    });
    return el("div", { class: "placed-act" }, el("div", {}, button), trouble);
  }

  void refresh();
  const lead = el("p", { class: "muted" }, t("change.lead"));
  return {
    element: el("section", { class: "card panel", "aria-labelledby": "changes-title" }, head, lead, place),
    refresh,
  };
}
