// @ts-check
/** One legal hold: why it lasts, who answers for it, until when; its release takes two people. */

import { api } from "./api.js";
import { el, facts, say } from "./dom.js";
import { askInDialog } from "./form_dialog.js";
import { nameOf } from "./people_names.js";
import { day, t } from "./words.js";

/** @typedef {{me: string, may: Set<string>, changed: () => void, here: string}} Around  here: the page's own thing */

/** What a hold or a restriction is on. @param {any} one @param {string} here */
export function placeInWords(one, here) {
  const kind = one.media_id ? "media" : "call";
  if ((one.media_id ?? one.call_id) === here) return t(`placed.this_${kind}`);
  const page = one.media_id ? `recordings/${one.media_id}` : `calls/${one.call_id}`;
  return el("a", { href: `/console/${page}` }, t(`placed.${kind}`, { date: day(one.placed_at) }));
}

/** Why it was placed, as far as that is known yet. @param {any} one */
export function reasonInWords(one) {
  if (one.reason === null) return el("p", { class: "muted" }, t("placed.no_reason"));
  return el("p", { class: "placed-reason" }, one.reason);
}

/**
 * @param {any} hold
 * @param {Around} around
 */
export async function holdItem(hold, around) {
  const [owner, placer] = await Promise.all([nameOf(hold.owner_id), nameOf(hold.placed_by)]);
  const ended = hold.ended_at && day(hold.ended_at);
  return el(
    "li",
    { class: "placed" },
    el("p", {}, el("span", { class: `badge badge-${hold.state}` }, t(`hold.state_${hold.state}`))),
    el("p", { class: "placed-ground" }, t(`hold.ground_${hold.ground}`)),
    reasonInWords(hold),
    facts([
      [t("placed.on"), placeInWords(hold, around.here)],
      [t("hold.owner"), owner],
      [t("placed.by"), t("placed.by_on", { name: placer, date: day(hold.placed_at) })],
      ended ? [t("placed.ended"), ended] : [t("hold.until"), day(hold.expires_at)],
    ]),
    hold.ended_at ? null : await release(hold, around),
  );
}

/** What can be done about its end. @param {any} hold @param {Around} around */
async function release(hold, around) {
  const manages = around.may.has("holds:manage");
  const ground = t(`hold.ground_${hold.ground}`);
  if (hold.state === "lasting")
    return manages && act(t("hold.ask"), ground, () => ask(hold, around));
  if (hold.release_asked_by === around.me) return el("p", { class: "note note-warn" }, t("hold.asked_by_me"));
  const said = el("p", {}, t("hold.asked_by", { name: await nameOf(hold.release_asked_by) }));
  if (!manages) return said;
  return el("div", { class: "placed-act" }, said, act(t("hold.confirm"), ground, () => confirm(hold, around)));
}

/** A button of one item among others: of which, those who hear it are told too. @param {string} words @param {string} of @param {() => void} onclick */
export function act(words, of, onclick) {
  const label = `${words} (${of})`;
  const attributes = { type: "button", class: "secondary", "aria-haspopup": "dialog", "aria-label": label };
  return el("div", {}, el("button", { ...attributes, onclick }, words));
}

/** @param {any} hold @param {Around} around */
function ask(hold, around) {
  askInDialog({
    name: "release",
    title: t("hold.ask_title"),
    lead: [el("p", {}, t("hold.ask_lead"))],
    submit: t("hold.ask_submit"),
    send: () => api("POST", `/v1/holds/${hold.id}/release`),
    done: () => {
      say(t("hold.ask_done"));
      around.changed();
    },
  });
}

/** @param {any} hold @param {Around} around */
function confirm(hold, around) {
  askInDialog({
    name: "release",
    title: t("hold.confirm_title"),
    lead: [el("p", {}, t("hold.confirm_lead")), reasonInWords(hold)],
    submit: t("hold.confirm_submit"),
    tone: "danger",
    refusals: { conflict: t("hold.confirm_conflict") },
    send: () => api("POST", `/v1/holds/${hold.id}/release/confirmation`),
    done: () => {
      say(t("hold.confirm_done"));
      around.changed();
    },
  });
}
