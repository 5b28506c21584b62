// @ts-check
/** The cards of the calls that ring: who, through which button, from which page, since when. */

import { clock, spokenDuration } from "../shared/i18n.js";
import { icon } from "../shared/icons.js";
import { el, facts } from "./dom.js";
import { knows, language, t } from "./words.js";

/**
 * @typedef {{call_id: string, button_name: string, visitor: {name?: string, reference?: string},
 *   page_url: string | null, media: string[], language: string, since: string, recorded: boolean,
 *   purpose?: "answer" | "transfer" | "join", asked_by?: {name: string} | null,
 *   invited?: boolean, verified?: string[]}} Card
 */

/**
 * What the visitor is called here.
 * @param {{visitor?: {name?: string | null, reference?: string | null}} | null} card
 */
export function visitorName(card) {
  return card?.visitor?.name || card?.visitor?.reference || t("desk.visitor");
}

/**
 * A page as it is read aloud: without its protocol and query. It is shown, never opened: a visitor wrote it.
 * @param {string | null | undefined} address
 */
export function pageInWords(address) {
  if (!address || !URL.canParse(address)) return "";
  const { host, pathname } = new URL(address);
  return pathname === "/" ? host : host + pathname;
}

/** The same for the eye: the site stands out, the path is only where on it. @param {string | null | undefined} address */
function pageShown(address) {
  const words = pageInWords(address);
  if (!words) return null;
  const { host } = new URL(/** @type {string} */ (address));
  return el("span", { class: "page" }, el("strong", {}, host), words.slice(host.length));
}

/**
 * What is known about a call before it is taken.
 * @param {Card} card
 */
export function cardFacts(card) {
  /** @type {[string, import("./dom.js").Child][]} */
  const rows = [
    [t("desk.reference"), card.visitor?.name && card.visitor?.reference && told(card, "reference")],
    [t("desk.button"), card.button_name],
    [t("desk.page"), pageShown(card.page_url)],
    [t("desk.language"), knows("about", `language_${card.language}`) && t(`about.language_${card.language}`)],
  ];
  return facts(rows.filter(([, value]) => value));
}

/** What is told of a visitor; signed by the company's own program where it says so. @param {Card} card @param {"name" | "reference"} field */
function told(card, field) {
  const mark = card.verified?.includes(field) && el("span", { class: "badge badge-ready" }, t("desk.verified"));
  return el("span", { class: "told" }, card.visitor[field], mark && " ", mark);
}

/** @param {Card} card */
export function mediaInWords(card) {
  const isVideo = card.media.includes("video");
  return el(
    "span",
    { class: "with-icon" },
    icon(isVideo ? "camera" : "phone"),
    t(isVideo ? "desk.video" : "desk.audio"),
  );
}

/** What a card is for: a visitor waits, or a colleague asks. @param {Card} card */
function purposeInWords({ purpose = "answer", asked_by: by, invited }) {
  if (invited && purpose === "answer") return t("invite.eyebrow");
  return purpose === "answer" ? t("desk.eyebrow") : t(`ask.eyebrow_${purpose}`, { name: by?.name || t("role.agent") });
}

/** @param {Card} card */
function mayAnswer({ purpose = "answer" }) {
  return purpose === "answer";
}

/** Who calls, and whether the company vouches for it. @param {Card} card */
function nameShown(card) {
  const field = card.visitor?.name ? "name" : "reference";
  return card.visitor?.[field] ? told(card, field) : visitorName(card);
}

/** The one sentence a screen reader says when it begins to ring. @param {Card} card */
export function ringsInWords(card) {
  const values = { name: visitorName(card), button: card.button_name };
  if (!card.purpose || card.purpose === "answer") return t("desk.rings", values);
  return t("ask.rings", { asked: purposeInWords(card), visitor: values.name });
}

/** Why a colleague's call rings no more, where that is not what a visitor's would be. @param {Card | null} card @param {string} reason */
export function goneOfAsk(card, reason) {
  if (!card?.purpose || card.purpose === "answer") return "";
  return reason === "cancelled" || reason === "ended" ? "ask.gone_here" : "";
}

/** One card. It is made once and only its clock moves, so that the focus stays where it is. */
export class IncomingCard {
  /**
   * @param {Card} card
   * @param {number} waitedMs
   * @param {{take: () => void, unrecorded: () => void, decline: () => void}} answers
   */
  constructor(card, waitedMs, answers) {
    this.card = card;
    this.since = performance.now() - waitedMs;
    this.waited = el("span", { class: "muted small" });
    const title = `ring-${card.call_id}`;
    this.take = el(
      "button",
      { type: "button", class: "primary", onclick: answers.take },
      icon("phone"),
      t(card.purpose === "join" ? "ask.take_join" : "desk.take"),
    );
    this.decline = el(
      "button",
      { type: "button", class: "secondary", onclick: answers.decline },
      t("desk.decline"),
    );
    // Whoever answers may promise that nothing is kept; a colleague's call is recorded already.
    this.unrecorded = el(
      "button",
      {
        type: "button",
        class: "quiet small",
        onclick: answers.unrecorded,
      },
      t("desk.take_unrecorded"),
    );
    this.element = el(
      "article",
      { class: "card ring", "aria-labelledby": title },
      el("p", { class: "ring-top" }, el("span", { class: "ring-mark" }, purposeInWords(card)), this.waited),
      el("h2", { id: title }, nameShown(card)),
      el(
        "p",
        { class: "ring-kind" },
        mediaInWords(card),
        el("span", { class: "muted" }, t(card.recorded ? "desk.recorded" : "desk.not_recorded")),
      ),
      cardFacts(card),
      el("div", { class: "ring-buttons" }, this.take, this.decline),
      this.unrecorded,
    );
    this.talking(false);
    this.tick();
  }

  tick() {
    const waitedMs = performance.now() - this.since;
    const spoken = spokenDuration(language, waitedMs);
    this.waited.replaceChildren(
      el("span", { "aria-hidden": "true" }, t("desk.waiting", { time: clock(waitedMs) })),
      el("span", { class: "cv-said" }, t("desk.waiting", { time: spoken })),
    );
  }

  /** @param {boolean} isTalking  one call at a time: it can only be declined */
  talking(isTalking) {
    this.take.hidden = isTalking;
    this.unrecorded.hidden = isTalking || !this.card.recorded || !mayAnswer(this.card);
  }

  /** @param {boolean} isBusy  the answer is on its way */
  busy(isBusy) {
    this.take.disabled = this.decline.disabled = this.unrecorded.disabled = isBusy;
  }
}
