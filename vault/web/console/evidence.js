// @ts-check
/** Evidence for whoever audits: what it is, having it made (an act that the ledger keeps), and having it checked. */

import { api, sentenceOf, text } from "./api.js";
import { byId, el, facts, note, say } from "./dom.js";
import { busy, field, select } from "./form_dialog.js";
import { KEY_FILE, keyButton } from "./receipt.js";
import { saveText } from "./save.js";
import { counted, day, exact, t } from "./words.js";

const root = byId("evidence");
const PARTS = ["places", "looks", "keeping", "erasures", "keys"];
const MONTHS = [1, 3, 6, 12, 24, 36];
const USUAL = 12;
const FILE = "evidence.json";

function whatItIs() {
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "in-title" },
    el("h2", { id: "in-title" }, t("evidence.in_title")),
    el("ul", { class: "evidence-parts" }, PARTS.map((part) => el("li", {}, t(`evidence.in_${part}`)))),
    el("p", { class: "muted" }, t("evidence.not")),
  );
}

function making() {
  const months = select("evidence-months", MONTHS.map((count) => [String(count), counted("evidence.month", count)]));
  months.value = String(USUAL);
  const made = el("div", { class: "evidence-made" });
  const read = el("a", { class: "button primary", target: "_blank", rel: "noopener" }, t("evidence.read"));
  const file = el("button", { type: "button", class: "secondary" }, t("evidence.file"));
  const choose = () => read.setAttribute("href", `/v1/evidence.html?months=${months.value}`);
  months.addEventListener("change", choose);
  choose();
  file.addEventListener("click", async () => {
    busy(file, t("evidence.file"), true);
    made.replaceChildren();
    try {
      const saved = await text(`/v1/evidence?months=${months.value}`);
      made.replaceChildren(outcome(saved));
      say(t("evidence.made"));
      byId("made-title").focus();
    } catch (caught) {
      made.replaceChildren(note("danger", sentenceOf(caught)));
    } finally {
      busy(file, t("evidence.file"), false);
    }
  });
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "make-title" },
    el("h2", { id: "make-title" }, t("evidence.make_title")),
    note("info", t("evidence.act")),
    field(t("evidence.months"), months, { hint: t("evidence.months_hint") }).element,
    el("div", { class: "evidence-buttons" }, read, file),
    el("p", { class: "hint" }, t("evidence.read_hint")),
    made,
  );
}

/** What was made: told from the file itself. @param {string} saved  the file's exact text */
function outcome(saved) {
  const { evidence, leaf, proof } = JSON.parse(saved);
  const [, index] = /^index (\d+)$/m.exec(proof) ?? [];
  const download = () => saveText(saved, FILE, "application/json");
  return el(
    "div",
    { class: "made" },
    el("h3", { id: "made-title", tabindex: "-1" }, t("evidence.made")),
    facts([
      [t("evidence.made_at"), exact(evidence.made_at)],
      [t("evidence.since"), day(evidence.period.from)],
      [t("evidence.entry"), index ?? ""],
      [t("evidence.digest"), el("code", {}, JSON.parse(leaf).sha256)],
    ]),
    el("div", {}, el("button", { type: "button", class: "primary", onclick: download }, t("evidence.download"))),
  );
}

function checking() {
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "check-title" },
    el("h2", { id: "check-title" }, t("evidence.check_title")),
    el("p", {}, t("evidence.check")),
    el("div", { class: "how" }, el("pre", {}, el("code", {}, `callvault evidence verify ${FILE} --key ${KEY_FILE}`))),
    el("div", {}, keyButton()),
    el("p", {}, t("evidence.receipts")),
    el("p", {}, el("a", { href: "/verify", target: "_blank", rel: "noopener" }, t("evidence.to_verify"))),
  );
}

async function start() {
  root.setAttribute("aria-busy", "true");
  try {
    const { body: me } = await api("GET", "/v1/me");
    if (!me.permissions.includes("evidence:read")) return root.replaceChildren(note("info", t("evidence.not_yours")));
    const lead = el("p", { class: "sheet-lead" }, t("evidence.lead"));
    root.replaceChildren(
      lead,
      el(
        "div",
        { class: "sheet-columns" },
        el("div", { class: "sheet-main" }, making(), checking()),
        el("div", { class: "sheet-side" }, whatItIs()),
      ),
    );
  } catch (caught) {
    root.replaceChildren(note("danger", sentenceOf(caught), { label: t("shell.retry"), act: start }));
  } finally {
    root.removeAttribute("aria-busy");
  }
}

void start();
