// @ts-check
/** The visitor's own page: it takes the link's secret out of the address, asks what is kept, and follows it. */

import { chooseLanguage, LANGUAGES, translator } from "../shared/i18n.js";
import { h, icon } from "../widget/dom.js";
import { CallFailure } from "../widget/request.js";
import { confirmed } from "./confirm.js";
import { isMoving, page } from "./panels.js";
import { Visit } from "./visit.js";
import { ENGLISH } from "./words_en.js";
import { FRENCH } from "./words_fr.js";

/** @typedef {import("./visit.js").Kept} Kept */
/** @typedef {import("./visit.js").Asked} Asked */

const SENTENCES = { fr: FRENCH, en: ENGLISH };
const NAMES = Object.freeze({ fr: "Français", en: "English" });
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000; // an erasure that takes days is not asked for every second
const DEAD = Object.freeze(["not_found", "invalid", "malformed"]); // answers that no second try changes

const callId = document.body.dataset.call ?? "";
let language = chooseLanguage([...navigator.languages, document.documentElement.lang]);
let t = translator(SENTENCES, language);
/** @type {Visit} */
let visit;
/** @type {Kept | null} */
let kept = null;
/** @type {() => (Node | string | null)[]} draws what is shown now, in the language of now */
let draw = () => [];
let waitMs = FIRST_WAIT_MS;
let timer = 0;

/** @param {string} id */
const place = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} words */
function say(words) {
  place("said").textContent = words;
}

/** Draws, and leaves the keyboard where it was. */
function show() {
  const focused = document.activeElement?.id;
  const content = place("content");
  content.replaceChildren(...draw().filter((one) => one !== null));
  content.removeAttribute("aria-busy");
  const title = content.querySelector("h1")?.textContent ?? "";
  document.title = title;
  document.documentElement.lang = language;
  place("languages").replaceChildren(...languages());
  if (focused) (document.getElementById(focused) ?? content.querySelector("h1"))?.focus();
}

function languages() {
  const buttons = LANGUAGES.map((one) => {
    const pressed = String(one === language);
    const speak = () => {
      language = one;
      t = translator(SENTENCES, language);
      show();
    };
    return h("button", { type: "button", id: `lang-${one}`, lang: one, "aria-pressed": pressed, click: speak }, NAMES[one]);
  });
  return [h("div", { role: "group", "aria-label": t("language") }, ...buttons)];
}

/**
 * A page that has nothing of a call to show, and says what to do.
 * @param {string} name
 * @param {string} text
 * @param {boolean} canTryAgain
 */
function instead(name, text, canTryAgain) {
  clearTimeout(timer);
  kept = null;
  draw = () => [
    h("div", { class: "emblem" }, icon("warning")),
    h("h1", { id: "title", tabindex: "-1" }, t(`${name}.title`)),
    h("p", {}, t(text)),
    name === "dead" ? h("p", { class: "aside" }, t("dead.reference"), " ", h("code", {}, callId)) : null,
    canTryAgain ? h("button", { type: "button", id: "again", class: "main", click: () => void look() }, t("again")) : null,
  ];
  show();
  place("title").focus();
}

/** @param {unknown} caught */
function fail(caught) {
  const code = caught instanceof CallFailure ? caught.code : "unexpected";
  if (code === "visit_over") instead("shut", "shut.text", false);
  else if (DEAD.includes(code)) instead("dead", "dead.text", false);
  else instead("failed", code === "too_many_requests" ? "failed.many" : "failed.text", true);
  if (code === "unexpected") throw caught;
}

/** Asks what is kept, shows it, and asks again while something changes by itself. */
async function look() {
  clearTimeout(timer);
  try {
    const before = kept;
    const now = await visit.kept();
    kept = now;
    draw = () => page(now, { language, t, withdraw, erase, receipt });
    if (JSON.stringify(before) !== JSON.stringify(now)) show();
    if (before && isMoving(before) && !isMoving(now) && now.requests.length) say(t("erase.complete"));
    if (isMoving(now)) follow();
  } catch (caught) {
    if (kept && isMoving(kept) && isPassing(caught)) return follow(); // what was begun goes on without us
    fail(caught);
  }
}

/** @param {unknown} caught */
function isPassing(caught) {
  return caught instanceof CallFailure && caught.code !== "visit_over" && !DEAD.includes(caught.code);
}

function follow() {
  timer = setTimeout(() => void (document.hidden ? follow() : look()), waitMs);
  waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 1.5);
}

/**
 * @param {() => Promise<void>} act
 * @param {string} done
 */
async function decide(act, done) {
  try {
    await act();
    say(t(done));
    waitMs = FIRST_WAIT_MS;
    await look();
  } catch (caught) {
    if (!isPassing(caught)) return fail(caught);
    trouble();
  }
}

function trouble() {
  document.querySelector(".trouble")?.remove();
  const words = h("p", { class: "trouble", tabindex: "-1" }, icon("warning"), t("failed.act"));
  place("title").after(words);
  words.focus();
}

async function withdraw() {
  const rule = kept?.on_withdrawal ?? "erase";
  const words = { title: t("consent.ask"), text: t(`consent.ask_${rule}`), yes: t("consent.yes"), no: t("cancel") };
  if (await confirmed({ ...words, tone: "main" })) await decide(() => visit.withdraw(), "consent.done");
}

async function erase() {
  const text = t("erase.ask_text", { tenant: kept?.tenant_name ?? "" });
  const words = { title: t("erase.ask"), text, yes: t("erase.yes"), no: t("cancel") };
  if (await confirmed({ ...words, tone: "danger" })) await decide(() => visit.erase(), "erase.asked");
}

/** @param {Asked} asked */
async function receipt(asked) {
  try {
    const url = URL.createObjectURL(await visit.receipt(asked.receipt_url ?? ""));
    h("a", { href: url, download: `receipt-${asked.id}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1_000);
  } catch (caught) {
    if (!isPassing(caught)) return fail(caught);
    trouble();
  }
}

function begin() {
  const secret = location.hash.slice(1);
  // Out of the address bar and of the history at once: whoever looks over a shoulder, or back, finds nothing.
  if (secret) history.replaceState(null, "", location.pathname);
  visit = new Visit(callId, secret);
  kept = null;
  waitMs = FIRST_WAIT_MS;
  if (visit.canBegin) return look();
  return instead("shut", "shut.text", false);
}

addEventListener("hashchange", () => void (location.hash.length > 1 && begin()));
await begin();
