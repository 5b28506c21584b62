// @ts-check
/** What the page says of a receipt that was checked: the verdict in one sentence, and all that is proven. */

import { h, icon } from "../widget/dom.js";
import { hex } from "./encoding.js";
import { ENDED, HELD, SHREDDED } from "./receipts.js";
import { ED25519 } from "./signers.js";
import { ENGLISH } from "./words_en.js";

/** @typedef {import("./receipts.js").Receipt} Receipt */
/** @typedef {import("./receipts.js").Fields} Fields */
/** @typedef {import("./signers.js").Verifier} Verifier */
/** @typedef {import("./refusal.js").Refusal} Refusal */
/** @typedef {import("../widget/dom.js").Child} Child */
/** @typedef {{language: import("../shared/i18n.js").Language, t: import("../shared/i18n.js").Translate}} Scene */
/** @typedef {"final" | "complete" | "held" | "pending" | "refused"} Verdict */
/** @typedef {{file: string, receipt: Receipt | null, refusal: Refusal | null, verifiers: readonly Verifier[]}} Outcome */

/** @type {Readonly<Record<Verdict, [string, import("../widget/dom.js").IconName]>>} tone and picture */
const TONES = Object.freeze({
  final: ["ok", "done"],
  complete: ["ok", "done"],
  held: ["warn", "lock"],
  pending: ["warn", "clock"],
  refused: ["danger", "warning"],
});
const METHOD = "NIST SP 800-88r2 cryptographic erase and object deletion";

/** @param {Outcome} outcome @returns {Verdict} */
export function verdictOf({ receipt }) {
  if (!receipt) return "refused";
  if (receipt.status !== "pending") return receipt.status;
  return of(receipt, HELD).some((fields) => !isShredded(receipt, fields.object)) ? "held" : "pending";
}

/**
 * @param {Outcome} outcome
 * @param {number} number  of the file, from 0
 * @param {Scene} scene
 */
export function result(outcome, number, scene) {
  const { t } = scene;
  const { receipt, refusal } = outcome;
  const verdict = verdictOf(outcome);
  const [tone, picture] = TONES[verdict];
  const why = refusal && h("p", { class: "why" }, t(`why.${refusal.code.replace(".", "_")}`, refusal.values));
  return h(
    "article",
    { class: `result ${tone}`, "data-verdict": verdict, "data-code": refusal?.code ?? null, "aria-labelledby": `verdict-${number}` },
    h(
      "header",
      { class: "summary" },
      icon(picture),
      h(
        "div",
        {},
        h("p", { class: "file" }, outcome.file),
        h("h2", { id: `verdict-${number}`, tabindex: "-1" }, t(`${verdict}.title`)),
        why,
        h("p", {}, t(`${verdict}.text`)),
      ),
    ),
    receipt && h("div", { class: "proven" }, ...proven(receipt, outcome.verifiers, scene)),
  );
}

/**
 * @param {Receipt} receipt
 * @param {readonly Verifier[]} verifiers
 * @param {Scene} scene
 */
function proven(receipt, verifiers, scene) {
  const { t } = scene;
  const shredded = of(receipt, SHREDDED);
  return [
    shredded.length === 0 && h("p", { class: "aside" }, t("erased.nothing")),
    list(t("erased.title"), shredded, (fields) => erased(fields, scene)),
    list(t("held.list"), of(receipt, HELD), (fields) => held(fields, isShredded(receipt, fields.object), scene)),
    list(t("ended.title"), of(receipt, ENDED), (fields) => ended(fields, scene)),
    h("section", {}, h("h3", {}, t("facts.title")), vouching(receipt, verifiers, scene)),
    h("p", { class: "aside" }, t("limits")),
  ];
}

/** @param {Receipt} receipt @param {string} type */
function of({ entries }, type) {
  return entries.map(({ fields }) => fields).filter((fields) => fields.type === type);
}

/** @param {Receipt} receipt @param {unknown} object */
function isShredded(receipt, object) {
  return of(receipt, SHREDDED).some((fields) => fields.object === object);
}

/**
 * @param {string} title
 * @param {readonly Fields[]} entries
 * @param {(fields: Fields) => Child[]} show
 */
function list(title, entries, show) {
  if (entries.length === 0) return null;
  return h("section", {}, h("h3", {}, title), h("ul", { class: "objects" }, ...entries.map((one) => h("li", {}, ...show(one)))));
}

/** @param {Fields} fields @param {Scene} scene */
function erased(fields, scene) {
  const { t } = scene;
  const isOurs = fields.method === METHOD;
  const fingerprints = facts([
    [t("commitment"), code(fields.key_commitment)],
    [t("ct_sha256"), code(fields.ct_sha256)],
  ]);
  return [
    named(fields, scene),
    facts([
      [t("requested_at"), moment(fields.requested_at, scene)],
      [t("key_forgotten_at"), moment(fields.key_forgotten_at, scene)],
      [t("objects_deleted_at"), moment(fields.objects_deleted_at, scene)],
      [t("erased_at"), moment(fields.live_erased_at, scene)],
      [t("irrecoverable_by"), moment(fields.irrecoverable_by, scene)],
      [t("method"), isOurs ? `${t("method_plain")} (${fields.method})` : plain(fields.method)],
      [t("reason"), known("reason", fields.reason, t)],
      [t("assurance"), known("assurance", fields.assurance, t)],
    ]),
    fingerprints.childElementCount > 0 && h("details", {}, h("summary", {}, t("more")), fingerprints),
  ];
}

/** @param {Fields} fields @param {boolean} isErased @param {Scene} scene */
function held(fields, isErased, scene) {
  const { t } = scene;
  return [
    named(fields, scene),
    facts([
      [t("ground"), known("ground", fields.ground, t)],
      [t("held_at"), moment(fields.time, scene)],
    ]),
    isErased && h("p", { class: "aside" }, t("held_then_erased")),
  ];
}

/** @param {Fields} fields @param {Scene} scene */
function ended(fields, scene) {
  const { t } = scene;
  return [
    h("p", {}, h("strong", {}, `${t("epoch")} ${plain(fields.epoch)}`)),
    facts([
      [t("provider"), known("provider", fields.provider, t)],
      [t("effective_at"), moment(fields.effective_at, scene)],
      [t("assurance"), known("assurance", fields.assurance, t)],
    ]),
  ];
}

/** @param {Fields} fields @param {Scene} scene */
function named(fields, { t }) {
  const kind = `kind.${fields.kind}` in ENGLISH ? `kind.${fields.kind}` : "kind.other";
  return h("p", { class: "object" }, h("strong", {}, t(kind)), " ", code(fields.object));
}

/**
 * @param {Receipt} receipt
 * @param {readonly Verifier[]} verifiers
 * @param {Scene} scene
 */
function vouching({ request, status, entries }, verifiers, { t, language }) {
  const { origin, size, root } = entries.reduce((one, { checkpoint }) => (checkpoint.size > one.size ? checkpoint : one), entries[0].checkpoint);
  const signers = verifiers.map(({ name, keyId, kind }) =>
    h("li", {}, kind === ED25519 ? "Ed25519" : "ML-DSA-44", " ", h("code", {}, `${name}+${keyId}`)),
  );
  return facts([
    [t("request"), code(request)],
    [t("status"), code(status)],
    [t("entries"), new Intl.NumberFormat(language).format(entries.length)],
    [t("ledger"), code(origin)],
    [t("size"), new Intl.NumberFormat(language).format(size)],
    [t("root"), code(hex(root))],
    [t("signed"), h("ul", { class: "signers" }, ...signers)],
  ]);
}

/**
 * Names and values; what a leaf does not say is left out.
 * @param {[string, Node | string][]} pairs
 */
function facts(pairs) {
  const said = pairs.filter(([, value]) => value !== "");
  return h("dl", {}, ...said.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** @param {Fields[string] | undefined} value */
function plain(value) {
  return value === undefined ? "" : String(value);
}

/** @param {Fields[string] | undefined} value */
function code(value) {
  return plain(value) && h("code", {}, plain(value));
}

/**
 * The words for a word of a list; one that is not on ours is shown as it stands.
 * @param {string} name
 * @param {Fields[string] | undefined} value
 * @param {Scene["t"]} t
 */
function known(name, value, t) {
  return `${name}.${value}` in ENGLISH ? t(`${name}.${value}`) : plain(value);
}

/**
 * @param {Fields[string] | undefined} value
 * @param {Scene} scene
 */
function moment(value, { language }) {
  const text = plain(value);
  return Number.isNaN(Date.parse(text)) ? text : h("time", { datetime: text, title: text }, exact(language, text));
}

/**
 * A moment to the minute, with its time zone: it is evidence.
 * @param {Scene["language"]} language
 * @param {string} text  RFC 3339
 */
function exact(language, text) {
  const parts = /** @type {const} */ ({ year: "numeric", month: "long", day: "numeric", hour: "2-digit", minute: "2-digit" });
  return new Intl.DateTimeFormat(language, { ...parts, timeZoneName: "short" }).format(new Date(text));
}
