// @ts-check
/** One restriction of processing: on what ground, for whom, and lifting it once that person was told. */

import { api } from "./api.js";
import { el, facts, say } from "./dom.js";
import { askInDialog, field } from "./form_dialog.js";
import { act, placeInWords, reasonInWords } from "./hold_item.js";
import { nameOf } from "./people_names.js";
import { day, t } from "./words.js";

/**
 * @param {any} one
 * @param {import("./hold_item.js").Around} around
 */
export async function restrictionItem(one, around) {
  const state = one.lifted_at ? "lifted" : "lasting";
  const placer = await nameOf(one.placed_by);
  /** @type {[string, import("./dom.js").Child][]} */
  const rows = [
    [t("placed.on"), placeInWords(one, around.here)],
    [t("restriction.subject"), t(`restriction.subject_${one.subject}`)],
    [t("placed.by"), t("placed.by_on", { name: placer, date: day(one.placed_at) })],
  ];
  if (one.lifted_at) rows.push([t("placed.ended"), day(one.lifted_at)]);
  const ground = t(`restriction.ground_${one.ground}`);
  const lifts = around.may.has("restrictions:manage") && !one.lifted_at;
  return el(
    "li",
    { class: "placed" },
    el("p", {}, el("span", { class: `badge badge-${state}` }, t(`restriction.state_${state}`))),
    el("p", { class: "placed-ground" }, ground),
    reasonInWords(one),
    facts(rows),
    lifts && act(t("restriction.lift"), ground, () => lift(one, around)),
  );
}

/** @param {any} one @param {import("./hold_item.js").Around} around */
function lift(one, around) {
  const told = el("input", { type: "checkbox", id: "lift-told" });
  askInDialog({
    name: "lift",
    title: t("restriction.lift_title"),
    lead: [el("p", {}, t("restriction.lift_lead"))],
    fields: [
      field(t("restriction.told"), told, { fault: () => (told.checked ? "" : t("restriction.told_missing")) }),
    ],
    submit: t("restriction.lift_submit"),
    refusals: { conflict: t("restriction.lift_conflict") },
    send: () => api("POST", `/v1/restrictions/${one.id}/lifting`, { body: { subject_informed: true } }),
    done: () => {
      say(t("restriction.lifted"));
      around.changed();
    },
  });
}
