// @ts-check
/** Beginning to leave: what is taken along, whom to tell, how long to wait; confirmed by the company's name. */

import { keyFault } from "./age_key.js";
import { Problem, onceShutOut } from "./api.js";
import { el, markFault, note } from "./dom.js";
import { askInDialog, field, poster } from "./form_dialog.js";
import { followPath } from "./leaving_state.js";
import { day, t } from "./words.js";

const DAY_MS = 24 * 3600 * 1000;
const ADDRESS = /^[^\s@<>]{1,64}@[^\s@<>]+$/; // as the vault takes it
const SHOWN_CHARS = 12; // of a key: enough to know it again

/** Names are typed with other spaces, capitals and apostrophes than they are kept with. @param {string} name */
const plain = (name) => name.normalize("NFKC").replace(/[’ʼ]/g, "'").replace(/\s+/g, " ").trim().toLowerCase();

/** @param {string} key */
const short = (key) => (key.length > 2 * SHOWN_CHARS ? `${key.slice(0, SHOWN_CHARS)}…${key.slice(-SHOWN_CHARS)}` : key);

/**
 * @param {string} name  the company's
 * @param {{grace_days: number, grace_days_max: number, notifies: boolean}} terms
 * @param {(done: string) => void} begun
 */
export function beginSection(name, terms, begun) {
  const form = new BeginForm(terms);
  form.element.addEventListener("submit", (event) => {
    event.preventDefault();
    const wrong = form.wrong();
    if (wrong) wrong.focus();
    else confirm(name, form, begun);
  });
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "begin-title" },
    el("h2", { id: "begin-title" }, t("leave.title")),
    form.element,
  );
}

/** What is asked before the question itself. */
class BeginForm {
  /** @param {{grace_days: number, grace_days_max: number, notifies: boolean}} terms */
  constructor(terms) {
    const { grace_days: min, grace_days_max: max } = terms;
    this.takes = el("input", { type: "radio", name: "take", id: "take-all", value: "all", checked: true });
    this.leaves = el("input", { type: "radio", name: "take", id: "take-nothing", value: "nothing" });
    const key = el("textarea", { id: "exit-key", rows: 2, maxlength: 200, spellcheck: "false", autocomplete: "off" });
    const days = el("input", { id: "exit-days", type: "number", inputmode: "numeric", min, max, step: 1, value: min });
    const mail = el("input", { id: "exit-mail", type: "email", maxlength: 254, autocomplete: "email" });
    this.key = field(t("leave.key"), key, { hint: t("leave.key_hint"), fault: () => this.#keyFault() });
    this.mail = field(t("leave.mail"), mail, { hint: t("leave.mail_hint"), fault: () => this.#mailFault() });
    this.days = field(t("leave.days"), days, {
      hint: t("leave.days_hint", { min, max }),
      fault: () => {
        const number = Number(days.value || "x");
        const isDays = Number.isInteger(number) && number >= min && number <= max;
        return isDays ? "" : t("leave.days_wrong", { min, max });
      },
    });
    this.sealed = el("div", { class: "leave-key" }, this.key.element, howToMakeOne());
    this.notifies = terms.notifies;
    this.element = this.#laidOut();
    this.element.addEventListener("change", () => {
      this.sealed.hidden = !this.takes.checked;
    });
  }

  #laidOut() {
    const choice = (/** @type {HTMLInputElement} */ input, /** @type {string} */ words) =>
      el("label", { class: "check" }, input, words);
    return el(
      "form",
      { class: "leave-form", novalidate: true },
      el(
        "fieldset",
        {},
        el("legend", { class: "label" }, t("leave.take")),
        choice(this.takes, t("leave.take_all")),
        choice(this.leaves, t("leave.take_nothing")),
      ),
      this.sealed,
      this.notifies ? this.mail.element : note("info", t("leave.no_mail")),
      this.days.element,
      el("div", {}, el("button", { type: "submit", class: "danger-quiet", "aria-haspopup": "dialog" }, t("leave.open"))),
    );
  }

  #recipient() {
    return this.key.control.value.trim();
  }

  #keyFault() {
    if (!this.takes.checked) return "";
    const text = this.#recipient();
    if (!text) return t("leave.key_missing");
    const fault = keyFault(text);
    return fault && t(`leave.key_${fault}`);
  }

  #mailFault() {
    const text = this.mail.control.value.trim();
    return !text || ADDRESS.test(text) ? "" : t("leave.mail_wrong");
  }

  /** The first control that is not in order; each fault is shown. */
  wrong() {
    const fields = [this.key, ...(this.notifies ? [this.mail] : []), this.days];
    return fields.filter((one) => !one.check()).map((one) => one.control)[0];
  }

  /** As the API takes it. */
  get asked() {
    return {
      recipient: this.takes.checked ? this.#recipient() : null,
      notify: (this.notifies && this.mail.control.value.trim()) || null,
      grace_days: Number(this.days.control.value),
    };
  }

  /** The vault looks at the key once more; where it finds fault the field says so. */
  refuseKey() {
    const fault = /** @type {HTMLElement} */ (this.key.element.querySelector(".fault"));
    markFault(this.key.control, fault, t("leave.key_wrong"));
    this.key.control.focus();
  }
}

function howToMakeOne() {
  const command = (/** @type {string} */ text) => el("pre", {}, el("code", {}, text));
  return el(
    "details",
    { class: "leave-how how" },
    el("summary", {}, t("leave.key_how")),
    el(
      "ol",
      {},
      el("li", {}, t("leave.key_1")),
      el("li", {}, t("leave.key_2"), command("age-keygen -o exit-key.txt")),
      el("li", {}, t("leave.key_3")),
      el("li", {}, t("leave.key_4")),
    ),
  );
}

/**
 * The last question: what it does, and the company's name typed out.
 * @param {string} name
 * @param {BeginForm} form
 * @param {(done: string) => void} begun
 */
function confirm(name, form, begun) {
  const { asked } = form;
  const post = poster();
  const typed = el("input", { id: "exit-name", autocomplete: "off", spellcheck: "false" });
  const fault = () => (plain(typed.value) === plain(name) ? "" : t("leave.name_wrong", { name }));
  askInDialog({
    name: "leave",
    title: t("leave.ask_title", { name }),
    lead: [consequences(asked)],
    fields: [field(t("leave.name", { name }), typed, { fault })],
    submit: t("leave.submit"),
    tone: "danger",
    refusals: { conflict: t("leave.conflict") },
    send: () =>
      post("/v1/exit", asked).catch((caught) => {
        if (isAboutKey(caught)) return null;
        throw caught;
      }),
    done: (answer) => {
      if (!answer) return form.refuseKey();
      onceShutOut(followPath(answer.body)); // with no days to wait, the end may have begun by now
      begun(t("leave.begun"));
    },
  });
}

/** @param {unknown} caught */
const isAboutKey = (caught) =>
  caught instanceof Problem &&
  caught.body.errors?.some((/** @type {any} */ one) => one.pointer === "#/recipient");

/** @param {{recipient: string | null, grace_days: number}} asked */
function consequences({ recipient, grace_days: days }) {
  const date = day(new Date(Date.now() + days * DAY_MS).toISOString());
  const rows = [
    [t("leave.now_head"), t("leave.now")],
    [t("leave.pack_head"), recipient ? t("leave.pack", { key: short(recipient) }) : t("leave.pack_nothing")],
    [t("leave.end_head"), t("leave.end", { date })],
  ];
  return el(
    "dl",
    { class: "consequences" },
    rows.map(([head, text]) => el("div", {}, el("dt", {}, head), el("dd", {}, text))),
  );
}
