// @ts-check
/** A question with fields, in a dialog: checked here, sent once, refused in words beside the button. */

import { Problem, api, sentenceOf } from "./api.js";
import { el, markFault, note } from "./dom.js";
import { t } from "./words.js";

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */
/** @typedef {{element: HTMLElement, control: Control, check: () => boolean}} Field */

/**
 * A labelled control with its hint and its fault.
 * @param {string} label
 * @param {Control} control  has an id
 * @param {{hint?: string, fault?: () => string}} [more]  fault: what is wrong, empty where nothing is
 * @returns {Field}
 */
export function field(label, control, { hint = "", fault = () => "" } = {}) {
  const { id } = control;
  const wrong = el("p", { class: "fault", id: `${id}-fault`, hidden: true });
  const told = hint && el("p", { class: "hint", id: `${id}-hint` }, hint);
  control.setAttribute("aria-describedby", `${hint ? `${id}-hint ` : ""}${id}-fault`);
  const isBox = control.type === "checkbox";
  const element = isBox
    ? el("div", {}, el("label", { class: "check" }, control, label), told, wrong)
    : el("div", { class: "field" }, el("label", { for: id }, label), control, told, wrong);
  const check = () => {
    markFault(control, wrong, fault());
    return wrong.hidden;
  };
  return { element, control, check };
}

/**
 * A choice out of codes, each in words.
 * @param {string} id
 * @param {[string, string][]} choices  code and words
 * @param {string} [first]  words of the choice that is none
 */
export function select(id, choices, first = "") {
  return el(
    "select",
    { id },
    first && el("option", { value: "" }, first),
    choices.map(([code, words]) => el("option", { value: code }, words)),
  );
}

const DAYS_MAX = 3650; // the vault's own limit

/** A number of days. @param {string} id @param {number | string} value */
export function daysInput(id, value) {
  return el("input", { id, type: "number", inputmode: "numeric", min: 1, max: DAYS_MAX, step: 1, value });
}

/** @param {HTMLInputElement} control */
export function daysFault(control) {
  const days = Number(control.value);
  const isDays = Number.isInteger(days) && days >= 1 && days <= DAYS_MAX;
  return isDays ? "" : t("form.days_wrong", { max: DAYS_MAX });
}

const REASON_CHARS = { least: 3, most: 1000 };

/** Why, in a person's own words; it is sealed. @param {string} id */
export function reasonField(id) {
  const control = el("textarea", { id, rows: 3, maxlength: REASON_CHARS.most });
  const fault = () => (control.value.trim().length < REASON_CHARS.least ? t("form.reason_missing") : "");
  return field(t("form.reason"), control, { hint: t("form.reason_hint"), fault });
}

/**
 * @typedef {object} Question
 * @property {string} name  the dialog's, for its ids
 * @property {string} title
 * @property {import("./dom.js").Child[]} lead
 * @property {Field[]} [fields]
 * @property {HTMLElement} [extra]  stands beside the buttons
 * @property {string} submit
 * @property {"primary" | "danger"} [tone]
 * @property {Record<string, string>} [refusals]  sentences for codes that mean something else here
 * @property {() => Promise<any>} send  raises what is then said
 * @property {(answer: any) => void} [done]  with what was sent back, once the dialog is closed and the page can be focused
 */

/** Ask it; the dialog closes with an answer, with its button and with Escape. @param {Question} question */
export function askInDialog(question) {
  const { name, fields = [], tone = "primary", refusals = {} } = question;
  const trouble = el("div", { class: "trouble" });
  const submit = el("button", { type: "submit", class: tone }, question.submit);
  const cancel = el("button", { type: "button", class: "secondary" }, t("form.cancel"));
  const form = el(
    "form",
    { novalidate: true },
    el("h2", { id: `${name}-title` }, question.title),
    el("div", { class: "dialog-lead", id: `${name}-lead` }, ...question.lead),
    fields.map((one) => one.element),
    trouble,
    question.extra,
    el("div", { class: "dialog-buttons" }, cancel, submit),
  );
  const attributes = { "aria-labelledby": `${name}-title`, "aria-describedby": `${name}-lead` };
  const dialog = el("dialog", { class: "erase", ...attributes }, form);
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = fields.filter((one) => !one.check());
    if (wrong.length) return wrong[0].control.focus();
    busy(submit, question.submit, true);
    trouble.replaceChildren();
    try {
      const answer = await question.send();
      dialog.close();
      question.done?.(answer);
    } catch (caught) {
      trouble.replaceChildren(note("danger", refusalOf(caught, refusals)));
    } finally {
      busy(submit, question.submit, false);
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  (fields[0]?.control ?? cancel).focus();
  return dialog;
}

/** @param {unknown} caught @param {Record<string, string>} [refusals] */
export function refusalOf(caught, refusals = {}) {
  return (caught instanceof Problem && refusals[caught.code]) || sentenceOf(caught);
}

/** @param {HTMLButtonElement} button @param {string} words @param {boolean} isBusy */
export function busy(button, words, isBusy) {
  button.disabled = isBusy;
  button.textContent = isBusy ? t("form.working") : words;
}

/**
 * Posting what must not be done twice: the same words go under the same key, however often they are sent.
 * @returns {(path: string, body: object) => ReturnType<typeof api>}
 */
export function poster() {
  let [last, key] = ["", ""];
  return (path, body) => {
    const words = JSON.stringify(body);
    if (words !== last) [last, key] = [words, crypto.randomUUID?.() ?? String(Math.random())];
    return api("POST", path, { body, headers: { "Idempotency-Key": key } });
  };
}
