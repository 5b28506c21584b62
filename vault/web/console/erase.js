// @ts-check
/** Erasing: said exactly, asked twice, never undone. */

import { clock, dateTime } from "../shared/i18n.js";
import { Problem, api, sentenceOf } from "./api.js";
import { el, markFault, note, say } from "./dom.js";
import { day, language, t } from "./words.js";

/** What a person may give as the reason. The vault's own retention gives the one missing here. */
const REASONS = ["visitor_request", "consent_withdrawn", "recorded_by_mistake", "legal", "other"];

/**
 * @param {string} path  of the recording in the API
 * @param {any} item
 * @param {(requestId: string) => void} erased
 * @param {string | null} heldUntil  a legal hold keeps it until then: what is asked for waits
 */
export function eraseSection(path, item, erased, heldUntil = null) {
  const open = el(
    "button",
    { type: "button", class: "danger-quiet", "aria-haspopup": "dialog" },
    t("erase.open"),
  );
  open.addEventListener("click", () => new EraseDialog(path, item, erased, heldUntil).open());
  const held = heldUntil && note("warn", t("erase.held", { date: day(heldUntil) }));
  return el(
    "section",
    { class: "card panel", "aria-labelledby": "erase-title" },
    el("h2", { id: "erase-title" }, t("erase.title")),
    el("p", { class: "muted small" }, t("erase.lead")),
    ...(item.restricted_at ? [note("info", t("erase.restricted"))] : [held, open]),
  );
}

/** One asking: made when the button is pressed, gone when it is answered. */
class EraseDialog {
  /** @param {string} path @param {any} item @param {(requestId: string) => void} erased @param {string | null} heldUntil */
  constructor(path, item, erased, heldUntil) {
    this.heldUntil = heldUntil;
    this.path = path;
    this.item = item;
    this.erased = erased;
    this.reason = el(
      "select",
      { id: "erase-reason", "aria-describedby": "reason-fault" },
      el("option", { value: "" }, t("erase.choose")),
      REASONS.map((reason) => el("option", { value: reason }, t(`reason.${reason}`))),
    );
    this.reasonFault = el("p", { class: "fault", id: "reason-fault", hidden: true });
    this.confirm = el("input", {
      type: "checkbox",
      id: "erase-confirm",
      "aria-describedby": "confirm-fault",
    });
    this.confirmFault = el("p", { class: "fault", id: "confirm-fault", hidden: true });
    this.trouble = el("div", { class: "trouble" });
    this.submit = el("button", { type: "submit", class: "danger" }, t("erase.submit"));
    this.dialog = el(
      "dialog",
      {
        class: "erase",
        "aria-labelledby": "dialog-title",
        "aria-describedby": "dialog-what",
        onclose: () => this.dialog.remove(),
      },
      this.#form(),
    );
  }

  #form() {
    const cancel = el(
      "button",
      { type: "button", class: "secondary", onclick: () => this.dialog.close() },
      t("erase.cancel"),
    );
    return el(
      "form",
      { novalidate: true, onsubmit: (/** @type {SubmitEvent} */ event) => this.#submitted(event) },
      el("h2", { id: "dialog-title" }, t("erase.dialog_title")),
      el("div", { id: "dialog-what" }, el("p", { class: "muted" }, this.#what()), this.#consequences()),
      el(
        "div",
        { class: "field" },
        el("label", { for: "erase-reason" }, t("erase.reason")),
        this.reason,
        this.reasonFault,
      ),
      el("div", {}, el("label", { class: "check" }, this.confirm, t("erase.confirm")), this.confirmFault),
      this.trouble,
      el("div", { class: "dialog-buttons" }, cancel, this.submit),
    );
  }

  #what() {
    const { item } = this;
    const date = dateTime(language, item.started_at ?? item.created_at);
    return t("erase.what", { date, button: item.button_name ?? "", duration: clock(item.duration_ms ?? 0) });
  }

  /** Until when: the server's own promise where it makes one, else what the receipt will say. */
  #consequences() {
    const by = this.item.irrecoverable_by;
    const backups = by ? t("erase.backups_by", { date: day(by) }) : t("erase.backups_open");
    const held = this.heldUntil && day(this.heldUntil);
    const rows = [
      [t("erase.now_head"), t(held ? "erase.now_held" : "erase.now")],
      held ? [t("erase.held_head"), t("erase.held_then", { date: held })] : [t("erase.backups_head"), backups],
      [t("erase.kept_head"), t("erase.kept")],
    ];
    return el(
      "dl",
      { class: "consequences" },
      rows.map(([head, text]) => el("div", {}, el("dt", {}, head), el("dd", {}, text))),
    );
  }

  open() {
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.reason.focus();
  }

  #checked() {
    markFault(this.reason, this.reasonFault, this.reason.value ? "" : t("erase.reason_missing"));
    markFault(this.confirm, this.confirmFault, this.confirm.checked ? "" : t("erase.confirm_missing"));
    const wrong = [this.reason, this.confirm].find((field) => field.hasAttribute("aria-invalid"));
    wrong?.focus();
    return !wrong;
  }

  /** @param {SubmitEvent} event */
  async #submitted(event) {
    event.preventDefault();
    if (!this.#checked()) return;
    this.#busy(true);
    try {
      const { body, headers } = await api("DELETE", `${this.path}?reason=${this.reason.value}`);
      const request = body.id ?? headers.get("Location")?.split("/").pop() ?? "";
      this.dialog.close();
      say(t("erase.done"));
      this.erased(request);
    } catch (caught) {
      this.#refused(caught);
    }
  }

  /** @param {unknown} caught */
  #refused(caught) {
    this.#busy(false);
    if (caught instanceof Problem && caught.status === 410) {
      this.dialog.close();
      this.erased(caught.body.deletion_request_id ?? "");
      return;
    }
    this.trouble.replaceChildren(note("danger", sentenceOf(caught)));
  }

  /** @param {boolean} working */
  #busy(working) {
    this.submit.disabled = working;
    this.submit.textContent = t(working ? "erase.working" : "erase.submit");
    if (working) this.trouble.replaceChildren();
  }
}
