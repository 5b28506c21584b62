// @ts-check
/** A company leaves: what that means and how it begins; once it has begun, how far it is. */

import { Problem, api, sentenceOf } from "./api.js";
import { byId, el, note, say } from "./dom.js";
import { showBar } from "./leaving_bar.js";
import { beginSection } from "./leaving_begin.js";
import { exitSections } from "./leaving_state.js";
import { counted, t } from "./words.js";

const root = byId("leaving");
const STEPS = ["stop", "pack", "fetch", "end"];

/** The exit that is under way, if there is one. */
async function underWay() {
  try {
    return (await api("GET", "/v1/exit")).body;
  } catch (caught) {
    if (caught instanceof Problem && caught.status === 404) return null;
    throw caught;
  }
}

/** What lasts now and would keep the end waiting. @returns {Promise<Set<string>>} */
async function lasting() {
  const kinds = ["holds", "restrictions"];
  const lists = await Promise.all(kinds.map((kind) => api("GET", `/v1/${kind}?lasting=true&limit=1`)));
  return new Set(kinds.filter((_, index) => lists[index].body.items.length));
}

/** What happens, from the first day to the last. @param {any} terms */
function whatHappens(terms) {
  const days = counted("kept.days", terms.grace_days);
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "how-title" },
    el("h2", { id: "how-title" }, t("leaving.how_title")),
    el(
      "ol",
      { class: "stages" },
      STEPS.map((step) =>
        el("li", {}, el("h3", {}, t(`leaving.step_${step}`)), el("p", {}, t(`leaving.step_${step}_text`, { days }))),
      ),
    ),
    el("p", { class: "muted small" }, t("leaving.stays")),
  );
}

/** @param {string} [done]  what was done just now, said and shown above everything else */
async function start(done = "") {
  root.setAttribute("aria-busy", "true");
  try {
    const { body: me } = await api("GET", "/v1/me");
    const may = new Set(me.permissions);
    if (!may.has("tenant:read")) return root.replaceChildren(note("info", t("leaving.not_yours")));
    const [exit, waitsFor] = await Promise.all([underWay(), lasting()]);
    const leads = may.has("tenant:leave");
    showBar(exit);
    const shown = exit ? exitSections(exit, { leads, waitsFor, again: start }) : await beginning(leads, waitsFor);
    root.replaceChildren(done && note("ok", done), ...shown);
    if (!done) return;
    say(done);
    byId("title").focus();
  } catch (caught) {
    const retry = { label: t("shell.retry"), act: () => start(done) };
    root.replaceChildren(note("danger", `${t("leaving.failed")} ${sentenceOf(caught)}`, retry));
  } finally {
    root.removeAttribute("aria-busy");
  }
}

/** What should be settled before. */
function whatLasts() {
  const link = el("a", { class: "button secondary", href: "/console/keeping" }, t("leaving.to_keeping"));
  return el("div", { class: "note note-warn" }, el("p", {}, t("leaving.lasting")), link);
}

/** @param {boolean} leads  may begin it @param {Set<string>} waitsFor */
async function beginning(leads, waitsFor) {
  const [{ body: terms }, { body: tenant }] = await Promise.all([
    api("GET", "/v1/exit/terms"),
    api("GET", "/v1/tenant"),
  ]);
  return [
    el("p", { class: "sheet-lead" }, t("leaving.lead")),
    leads ? "" : note("info", t("leaving.reader")),
    waitsFor.size ? whatLasts() : "",
    el(
      "div",
      { class: "sheet-columns" },
      el("div", { class: "sheet-side" }, whatHappens(terms)),
      leads && el("div", { class: "sheet-main" }, beginSection(tenant.name, terms, start)),
    ),
  ];
}

void start();
