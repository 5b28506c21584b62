// @ts-check
/** What stays of the call while the page behind it is looked at: who, since when, the way back. */

import { clock, spokenDuration } from "../shared/i18n.js";
import { el } from "./dom.js";
import { language, t } from "./words.js";

/** The clock for the eye, whole minutes for the ear. @param {number} nowMs */
export function timer(nowMs) {
  return [
    el("span", { "aria-hidden": "true", class: "timer" }, clock(nowMs)),
    el("span", { class: "cv-said" }, spokenDuration(language, nowMs)),
  ];
}

/** @param {import("./call.js").Call} call @param {string} name  of the visitor */
export function callStrip(call, name) {
  const time = el("span", { class: "muted" });
  const back = () => {
    location.hash = `#/call/${call.id}`;
  };
  const element = el(
    "div",
    { class: "card strip", hidden: true },
    el("p", {}, t("call.with", { name }), " ", time),
    el(
      "div",
      { class: "ring-buttons" },
      el("button", { type: "button", class: "primary", onclick: back }, t("call.back")),
      el("button", { type: "button", class: "danger-quiet", onclick: () => call.hangUp() }, t("call.hang_up")),
    ),
  );
  return { element, time };
}
