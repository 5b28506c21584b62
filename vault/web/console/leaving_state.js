// @ts-check
/** An exit that is under way: how far it is, what it waits for, what can be fetched, and the way back. */

import { Problem, api, onceShutOut } from "./api.js";
import { el, facts, note, say } from "./dom.js";
import { askInDialog } from "./form_dialog.js";
import { showBar } from "./leaving_bar.js";
import { VolumeList } from "./leaving_volumes.js";
import { waits } from "./polling.js";
import { copyOf } from "./save.js";
import { counted, day, t } from "./words.js";

const DAY_MS = 24 * 3600 * 1000;
export const UNDER_WAY = ["exporting", "ready"];
/** Where to see what keeps it waiting. */
const PAGES = {
  hold: "/console/keeping#holds-title",
  restriction: "/console/keeping#restrictions-title",
  call: "/console/calls?state=live",
};

/** @typedef {{leads: boolean, waitsFor: Set<string>, again: (done: string) => void}} Around  leads: may fetch and take back */

/** @param {any} exit @param {Around} around */
export function exitSections(exit, around) {
  onceShutOut(followPath(exit));
  const status = el("div", { class: "exit-status" });
  const volumes = new VolumeList(exit, around.leads);
  status.replaceChildren(...standing(exit, around.waitsFor));
  void follow(exit, status, volumes, around.waitsFor);
  const howFar = el(
    "section",
    { class: "card panel", "aria-labelledby": "exit-title" },
    el("h2", { id: "exit-title" }, t("exit.title")),
    status,
  );
  return [
    el(
      "div",
      { class: "sheet-columns" },
      el("div", { class: "sheet-main" }, howFar, exit.recipient && volumes.element),
      el("div", { class: "sheet-side" }, linkSection(exit), around.leads && staySection(around.again)),
    ),
  ];
}

/** The page of its end, which needs nobody signed in. @param {any} exit */
export function followPath({ follow_url: url }) {
  const { pathname, hash } = new URL(url);
  return pathname + hash;
}

/**
 * Ask again and again, until nobody of the company is let in any more.
 * @param {any} first @param {HTMLElement} status @param {VolumeList} volumes @param {Set<string>} waitsFor
 */
async function follow(first, status, volumes, waitsFor) {
  const wait = waits();
  for (let before = first; ; ) {
    await wait();
    if (!status.isConnected) return;
    try {
      const { body: now } = await api("GET", "/v1/exit");
      if (JSON.stringify(now) === JSON.stringify(before)) continue;
      status.replaceChildren(...standing(now, waitsFor));
      volumes.show(now);
      showBar(now);
      if (now.state !== before.state) say(t("exit.ready"));
      before = now;
    } catch (caught) {
      if (!(caught instanceof Problem)) throw caught;
      if (caught.status === 401) return; // on the way to the page of its end
      if (caught.status === 404) return location.reload(); // taken back elsewhere
    }
  }
}

/** Which word stands for it. @param {any} exit */
export const badgeOf = (exit) => {
  const waits = exit.waits_for && UNDER_WAY.includes(exit.state);
  const word = waits ? "waiting" : exit.state;
  return el("p", {}, el("span", { class: `badge badge-${word}` }, t(`exit.badge_${word}`)));
};

/** What keeps the end that was due. @param {any} exit */
export const waitingInWords = (exit) => t(`exit.waits_${exit.waits_for}`, { date: exit.ends_at ? day(exit.ends_at) : "" });

/** @param {any} exit @param {Set<string>} waitsFor */
function standing(exit, waitsFor) {
  return [
    badgeOf(exit),
    ...(exit.state === "exporting" ? packing(exit) : ready(exit, waitsFor)),
    facts([
      [t("exit.asked"), day(exit.asked_at)],
      [t("exit.days"), counted("kept.days", exit.grace_days)],
      [t("exit.key"), exit.recipient ? el("code", {}, exit.recipient) : t("exit.nothing")],
    ]),
  ];
}

/** @param {any} exit */
function packing(exit) {
  if (exit.waits_for === "restored") return [waiting("restored", waitingInWords(exit))];
  if (exit.waits_for) return [waiting("call", t("exit.exporting_call"))];
  if (!exit.recipient) return [el("p", {}, t("exit.exporting_nothing"))];
  const done = exit.volumes.reduce((/** @type {number} */ sum, /** @type {any} */ one) => sum + one.items, 0);
  const all = done + exit.items_left;
  const said = all ? t("exit.packed", { done, all }) : t("exit.packed_rows");
  return [
    el("p", {}, t("exit.exporting")),
    el(
      "div",
      { class: "packed" },
      el("label", { for: "packed" }, said),
      // Nothing to count yet: the bar moves without saying how far.
      el("progress", { id: "packed", ...(all ? { value: done, max: all } : {}) }),
    ),
  ];
}

/** @param {any} exit @param {Set<string>} waitsFor */
function ready(exit, waitsFor) {
  if (exit.waits_for) return [waiting(exit.waits_for, waitingInWords(exit))];
  const left = Math.ceil((Date.parse(exit.ends_at) - Date.now()) / DAY_MS);
  const date = day(exit.ends_at);
  return [
    el(
      "p",
      { class: "exit-ends" },
      el("strong", {}, t("exit.ends", { date })),
      el("span", { class: "muted" }, left > 1 ? counted("exit.left", left) : t("exit.last_day")),
    ),
    el("p", {}, t(exit.recipient ? "exit.ready_fetch" : "exit.ready_nothing")),
    ...[...waitsFor].map((kind) => {
      const what = kind === "holds" ? "hold" : "restriction";
      return waiting(what, t(`exit.lasting_${what}`));
    }),
  ];
}

/** @param {keyof typeof PAGES | "restored"} what @param {string} sentence */
function waiting(what, sentence) {
  const link = what !== "restored" && el("a", { class: "button secondary", href: PAGES[what] }, t(`exit.to_${what}`));
  return el("div", { class: "note note-warn" }, el("p", {}, sentence), link);
}

/** The way to see the end. @param {any} exit */
function linkSection(exit) {
  const field = el("input", { id: "follow-url", readonly: true, value: exit.follow_url });
  const copy = async () => {
    await copyOf(field);
    button.textContent = t("followup.copied");
    say(t("followup.copied"));
  };
  const button = el("button", { type: "button", class: "secondary", onclick: copy }, t("followup.copy"));
  const open = el("a", { href: followPath(exit), target: "_blank", rel: "noopener" }, t("followup.open"));
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "followup-title" },
    el("h2", { id: "followup-title" }, t("followup.title")),
    el("p", {}, t("followup.lead")),
    el("div", { class: "field" }, el("label", { for: field.id }, t("followup.label")), field),
    el("div", { class: "followup-buttons" }, button, open),
  );
}

/** @param {(done: string) => void} again */
function staySection(again) {
  const open = el("button", { type: "button", class: "secondary", "aria-haspopup": "dialog" }, t("stay.open"));
  open.addEventListener("click", () =>
    askInDialog({
      name: "staying",
      title: t("stay.ask_title"),
      lead: [el("p", {}, t("stay.ask_lead"))],
      submit: t("stay.submit"),
      refusals: { conflict: t("stay.conflict"), not_found: t("stay.gone") },
      send: () => api("DELETE", "/v1/exit"),
      done: () => {
        onceShutOut("");
        again(t("stay.done"));
      },
    }),
  );
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "stay-title" },
    el("h2", { id: "stay-title" }, t("stay.title")),
    el("p", {}, t("stay.lead")),
    el("div", {}, open),
  );
}
