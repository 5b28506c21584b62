// @ts-check
/** A page that checks receipts of erasure, in the browser and offline: it asks no server for anything. */

import { chooseLanguage, LANGUAGES, translator } from "../shared/i18n.js";
import { h, icon } from "../widget/dom.js";
import { KEYS_LIMIT_BYTES, readKeys } from "./keys.js";
import { RECEIPT_LIMIT_BYTES, verifyReceipt } from "./receipts.js";
import { Refusal, require } from "./refusal.js";
import { result, verdictOf } from "./result.js";
import { ENGLISH } from "./words_en.js";
import { FRENCH } from "./words_fr.js";

const SENTENCES = { fr: FRENCH, en: ENGLISH };
const NAMES = Object.freeze({ fr: "Français", en: "English" });
const SAVED_AS = "callvault-verify.html";

let language = chooseLanguage(navigator.languages);
let t = translator(SENTENCES, language);
/** @type {File[]} */
let files = [];
let keys = "";
/** @type {Refusal | null} what is wrong with the keys */
let keysRefusal = null;
let isMissingReceipt = false;
/** @type {import("./result.js").Outcome[]} */
let outcomes = [];

/** @param {string} id */
const place = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const isServed = location.protocol.startsWith("http");

/** Draws all of the page, and leaves the keyboard where it was. */
function show() {
  const focused = document.activeElement?.id;
  const content = place("content");
  content.replaceChildren(
    h("div", { class: "lead" }, h("h1", {}, t("title")), h("p", {}, t("lead")), h("p", { class: "private" }, icon("lock"), t("private"))),
    h("div", { class: "given" }, receiptCard(), keysCard()),
    h("button", { type: "button", id: "check", class: "main", click: () => void check() }, t("check")),
    h("div", { id: "results" }, ...outcomes.map((outcome, number) => result(outcome, number, { language, t }))),
    isServed ? keeping() : "",
  );
  content.removeAttribute("aria-busy");
  document.title = t("title");
  document.documentElement.lang = language;
  place("languages").replaceChildren(languages());
  if (focused) document.getElementById(focused)?.focus();
}

function languages() {
  const buttons = LANGUAGES.map((one) => {
    const speak = () => {
      language = one;
      t = translator(SENTENCES, language);
      show();
    };
    const pressed = String(one === language);
    return h("button", { type: "button", id: `lang-${one}`, lang: one, "aria-pressed": pressed, click: speak }, NAMES[one]);
  });
  return h("div", { role: "group", "aria-label": t("language") }, ...buttons);
}

function receiptCard() {
  const names = files.map((file) => h("li", {}, icon("page"), file.name));
  return h(
    "section",
    { class: "card", "aria-labelledby": "receipt-title" },
    h("h2", { id: "receipt-title" }, t("receipt.title")),
    h("p", { id: "receipt-text" }, t("receipt.text")),
    h(
      "div",
      { class: "drop" },
      chooser("receipts", "receipt.choose", "receipt-text receipt-told", true, (chosen) => take(chosen)),
      h("p", { class: "aside" }, t("receipt.drop")),
    ),
    names.length ? h("ul", { id: "receipt-told", class: "files" }, ...names) : h("p", { id: "receipt-told", class: "aside" }, t("receipt.none")),
    isMissingReceipt && h("p", { class: "fault", role: "alert" }, t("need.receipt")),
  );
}

function keysCard() {
  const fault = keysRefusal && t(`why.${keysRefusal.code.replace(".", "_")}`, keysRefusal.values);
  return h(
    "section",
    { class: "card", "aria-labelledby": "keys-title" },
    h("h2", { id: "keys-title" }, t("keys.title")),
    h("p", {}, t("keys.text")),
    h("label", { for: "keys" }, t("keys.label")),
    keysField(fault !== null),
    fault && h("p", { id: "keys-fault", class: "fault", role: "alert" }, fault),
    h("p", { id: "keys-all", class: "aside" }, t("keys.all")),
    chooser("keys-file", "keys.choose", "keys-all", false, ([file]) => void takeKeys(file)),
    h("details", {}, h("summary", {}, t("keys.why")), h("p", {}, t("keys.why_text")), isServed && keysHere()),
  );
}

/** @param {boolean} isWrong */
function keysField(isWrong) {
  const field = h("textarea", {
    id: "keys",
    rows: "5",
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    maxlength: String(KEYS_LIMIT_BYTES),
    placeholder: "ledger.example+1a2b3c4d+AbCd…",
    "aria-invalid": isWrong && "true",
    "aria-describedby": isWrong ? "keys-fault keys-all" : "keys-all",
    input: () => {
      keys = field.value;
      forget();
    },
  });
  field.value = keys;
  return field;
}

/** The keys of this very server: only when asked for, in a tab of their own, and never as the check's own keys. */
function keysHere() {
  const link = h("a", { href: "/v1/ledger/key", target: "_blank", rel: "noopener noreferrer" }, t("keys.here"));
  return h("p", {}, link, " ", t("keys.here_text"));
}

/**
 * @param {string} id
 * @param {string} words
 * @param {string} describedBy
 * @param {boolean} isMultiple
 * @param {(chosen: File[]) => void} taken
 */
function chooser(id, words, describedBy, isMultiple, taken) {
  const change = () => taken([...(input.files ?? [])]);
  const input = h("input", { type: "file", id, class: "cv-said", multiple: isMultiple, "aria-describedby": describedBy, change });
  return h("span", { class: "chooser" }, input, h("label", { for: id, class: "button" }, t(words)));
}

function keeping() {
  return h(
    "section",
    { class: "keep", "aria-labelledby": "keep-title" },
    h("h2", { id: "keep-title" }, t("keep.title")),
    h("p", {}, t("keep.text")),
    h("a", { class: "button", href: location.pathname, download: SAVED_AS }, t("keep.save")),
  );
}

/** A verdict about something else than what is shown would be a false one. */
function forget() {
  outcomes = [];
  keysRefusal = null;
  isMissingReceipt = false;
  place("results").replaceChildren();
  for (const fault of document.querySelectorAll(".fault")) fault.remove();
  place("keys").removeAttribute("aria-invalid");
}

/** @param {File[]} chosen */
function take(chosen) {
  if (chosen.length === 0) return;
  files = chosen;
  forget();
  show();
}

/** @param {File | undefined} file */
async function takeKeys(file) {
  if (!file) return;
  forget();
  try {
    require(file.size <= KEYS_LIMIT_BYTES, "key.long");
    keys = await file.text();
  } catch (caught) {
    keysRefusal = asRefusal(caught);
  }
  show();
}

/** @param {unknown} caught */
function asRefusal(caught) {
  const isOfTheFile = caught instanceof DOMException; // gone or changed since it was chosen
  if (!(caught instanceof Refusal) && !isOfTheFile) reportError(caught);
  return caught instanceof Refusal ? caught : new Refusal("unreadable");
}

async function check() {
  forget();
  const verifiers = verifiersGiven();
  isMissingReceipt = files.length === 0;
  if (!verifiers || isMissingReceipt) {
    show();
    place(isMissingReceipt ? "receipts" : "keys").focus();
    return;
  }
  place("said").textContent = t("checking");
  /** @type {import("./result.js").Outcome[]} */
  const found = [];
  for (const file of files) found.push(await outcomeOf(file, verifiers));
  outcomes = found;
  show();
  place("said").textContent = outcomes.map((one) => `${one.file}: ${t(`${verdictOf(one)}.title`)}`).join(" ");
  place("verdict-0").focus();
}

function verifiersGiven() {
  try {
    return readKeys(keys);
  } catch (caught) {
    keysRefusal = asRefusal(caught);
    return null;
  }
}

/**
 * @param {File} file
 * @param {readonly import("./signers.js").Verifier[]} verifiers
 * @returns {Promise<import("./result.js").Outcome>}
 */
async function outcomeOf(file, verifiers) {
  try {
    require(file.size <= RECEIPT_LIMIT_BYTES, "receipt.long"); // before it is read
    const receipt = await verifyReceipt(new Uint8Array(await file.arrayBuffer()), verifiers);
    return { file: file.name, receipt, refusal: null, verifiers };
  } catch (caught) {
    return { file: file.name, receipt: null, refusal: asRefusal(caught), verifiers };
  }
}

// A file that is let go beside the place for it would else take the page's own place.
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  take([...(event.dataTransfer?.files ?? [])]);
});
show();
