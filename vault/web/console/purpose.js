// @ts-check
/** Asking why a recording is opened, before anything of it is shown. */

import { sentenceOf } from "./api.js";
import { el, markFault, note } from "./dom.js";
import { t } from "./words.js";

/** The purposes, as they are sent: a code, then ": " and the person's own words where there are any. */
export const PURPOSES = ["follow_up", "quality", "complaint", "training", "rights", "security", "other"];
const DETAIL_CHARS = 200; // enough for a case number and a sentence; little room for other people's data

/**
 * A stored purpose in the reader's language; one that came from elsewhere is shown as it is.
 * @param {string} purpose
 */
export function purposeInWords(purpose) {
  const [, code, detail] = /^([a-z_]+)(?:: ([^]*))?$/.exec(purpose) ?? [];
  if (!PURPOSES.includes(code)) return purpose;
  return detail ? `${t(`purpose.${code}`)} (${detail})` : t(`purpose.${code}`);
}

/**
 * @param {(purpose: string) => Promise<void>} opened  makes the link; a refusal is shown here
 * @returns {HTMLFormElement}
 */
export function purposeForm(opened) {
  const select = el(
    "select",
    { id: "purpose", "aria-describedby": "purpose-fault" },
    el("option", { value: "" }, t("purpose.choose")),
    PURPOSES.map((code) => el("option", { value: code }, t(`purpose.${code}`))),
  );
  const selectFault = el("p", { class: "fault", id: "purpose-fault", hidden: true });
  const detail = el("input", {
    id: "purpose-detail",
    maxlength: DETAIL_CHARS,
    autocomplete: "off",
    "aria-describedby": "purpose-hint detail-fault",
  });
  const detailFault = el("p", { class: "fault", id: "detail-fault", hidden: true });
  const submit = el("button", { type: "submit", class: "primary" }, t("purpose.submit"));
  const trouble = el("div", { class: "trouble" });

  /** @returns {string} the purpose, or nothing: then the first wrong field has the focus */
  function checked() {
    const words = detail.value.trim();
    markFault(select, selectFault, select.value ? "" : t("purpose.missing"));
    markFault(detail, detailFault, select.value === "other" && !words ? t("purpose.detail_missing") : "");
    if (select.value === "") select.focus();
    else if (!detailFault.hidden) detail.focus();
    else return words ? `${select.value}: ${words}` : select.value;
    return "";
  }

  /** @param {SubmitEvent} event */
  async function submitted(event) {
    event.preventDefault();
    const purpose = checked();
    if (!purpose) return;
    submit.disabled = true;
    trouble.replaceChildren();
    try {
      await opened(purpose);
    } catch (caught) {
      trouble.replaceChildren(note("danger", sentenceOf(caught)));
    } finally {
      submit.disabled = false;
    }
  }

  return el(
    "form",
    { class: "card purpose", novalidate: true, onsubmit: submitted, "aria-labelledby": "purpose-title" },
    el("h2", { id: "purpose-title" }, t("purpose.title")),
    el("p", { class: "muted" }, t("purpose.lead")),
    el("div", { class: "field" }, el("label", { for: "purpose" }, t("purpose.field")), select, selectFault),
    el(
      "div",
      { class: "field" },
      el("label", { for: "purpose-detail" }, t("purpose.detail")),
      detail,
      el("p", { class: "hint", id: "purpose-hint" }, t("purpose.detail_hint")),
      detailFault,
    ),
    trouble,
    el("div", {}, submit),
  );
}
