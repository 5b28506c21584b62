// @ts-check
/** Messages of a call, as lines. */

import { el } from "./dom.js";
import { language, t } from "./words.js";

/** @param {any} message @param {string} visitor  what the visitor is called here */
export function messageLine(message, visitor) {
  const who = message.mine ? t("chat.you") : message.role === "visitor" ? visitor : message.name || t("role.agent");
  const time = new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(new Date(message.at));
  return el(
    "div",
    { class: message.mine ? "message mine" : "message", "data-of": message.id },
    el("p", { class: "message-who" }, who, " ", el("time", { datetime: message.at }, time)),
    el("p", { class: "message-text" }, message.text),
  );
}
