// @ts-check
/** Placing a legal hold, or a restriction of processing, on a recording or a whole call. */

import { el, say } from "./dom.js";
import { askInDialog, daysFault, daysInput, field, poster, reasonField, select } from "./form_dialog.js";
import { owners } from "./people_names.js";
import { t } from "./words.js";

const HOLD_GROUNDS = ["legal_claim", "legal_obligation", "authority"];
const RESTRICTION_GROUNDS = ["accuracy_contested", "unlawful", "needed_for_claim", "objection"];
const SUBJECTS = ["visitor", "other"];
const HOLD_DAYS = 365; // a year to begin with: a hold without a date would last for ever

/** @typedef {{id: string, kind: "media" | "call"}} Placed  what it is placed on */

/** @param {HTMLSelectElement} control @param {string} key */
const chosen = (control, key) => () => (control.value ? "" : t(key));

/**
 * @param {Placed} on
 * @param {string} me  the id of whoever asks
 * @param {() => void} done
 */
export function placeHold(on, me, done) {
  const ground = select(
    "hold-ground",
    HOLD_GROUNDS.map((code) => [code, t(`hold.ground_${code}`)]),
    t("form.choose"),
  );
  const days = daysInput("hold-days", HOLD_DAYS);
  const owner = select("hold-owner", [[me, t("hold.owner_me")]]);
  owners()
    .then((people) => {
      const others = people.filter((one) => one.id !== me);
      owner.append(...others.map((one) => el("option", { value: one.id }, one.name)));
    })
    .catch(() => {}); // whoever places it can always answer for it
  const reason = reasonField("hold-reason");
  const post = poster();
  askInDialog({
    name: "hold",
    title: t(`hold.place_${on.kind}`),
    lead: [el("p", { class: "muted" }, t("hold.lead"))],
    fields: [
      field(t("form.ground"), ground, { fault: chosen(ground, "form.ground_missing") }),
      reason,
      field(t("hold.days"), days, { hint: t("hold.days_hint"), fault: () => daysFault(days) }),
      field(t("hold.owner"), owner, { hint: t("hold.owner_hint") }),
    ],
    submit: t("hold.place"),
    refusals: { conflict: t("hold.conflict") },
    send: () =>
      post("/v1/holds", {
        object_id: on.id,
        ground: ground.value,
        reason: reason.control.value.trim(),
        days: Number(days.value),
        owner_id: owner.value,
      }),
    done: () => {
      say(t("hold.placed"));
      done();
    },
  });
}

/** @param {Placed} on @param {() => void} done */
export function placeRestriction(on, done) {
  const ground = select(
    "restriction-ground",
    RESTRICTION_GROUNDS.map((code) => [code, t(`restriction.ground_${code}`)]),
    t("form.choose"),
  );
  const subject = select(
    "restriction-subject",
    SUBJECTS.map((code) => [code, t(`restriction.subject_${code}`)]),
    t("form.choose"),
  );
  const reason = reasonField("restriction-reason");
  const post = poster();
  askInDialog({
    name: "restriction",
    title: t(`restriction.place_${on.kind}`),
    lead: [el("p", { class: "muted" }, t("restriction.lead"))],
    fields: [
      field(t("form.ground"), ground, { fault: chosen(ground, "form.ground_missing") }),
      field(t("restriction.subject"), subject, {
        hint: t("restriction.subject_hint"),
        fault: chosen(subject, "restriction.subject_missing"),
      }),
      reason,
    ],
    submit: t("restriction.place"),
    refusals: { conflict: t("restriction.conflict") },
    send: () =>
      post("/v1/restrictions", {
        object_id: on.id,
        ground: ground.value,
        subject: subject.value,
        reason: reason.control.value.trim(),
      }),
    done: () => {
      say(t("restriction.placed"));
      done();
    },
  });
}
