// @ts-check
/** The demo page in English when it is asked for; its French stands in the page and needs no script. */

import { chooseLanguage } from "../shared/i18n.js";

/** @type {Record<string, string>} */
const ENGLISH = {
  "title": "Help: Horizon lamp – Atelier Lumen",
  "nav.languages": "Language",
  "hero.eyebrow": "Help · Horizon lamp",
  "hero.title": "Is your lamp flickering? Show it to us.",
  "hero.lead": "A technician from the workshop looks at it with you, live, from your phone or your computer.",
  "hero.aside": "Free, no account. You choose before you speak whether the call is recorded.",
  "hero.alt": "The Horizon lamp, switched on",
  "faq.title": "Before you call",
  "faq.blink": "The light flickers",
  "faq.blink_answer":
    "With the lamp unplugged, unscrew the bulb half a turn and screw it back in fully. If it still flickers, the dimmer is probably worn: call us.",
  "faq.arm": "The arm sinks by itself",
  "faq.arm_answer":
    "Tighten the knob under the joint, a quarter turn at a time. The arm should stay in every position without force.",
  "faq.warranty": "Is my lamp still under warranty?",
  "faq.warranty_answer": "Yes, for five years. The date of manufacture is engraved under the base.",
  "promise.title": "What happens when you press",
  "promise.choose": "You choose",
  "promise.choose_text":
    "Before the call you read who records, why and for how long. If you refuse, the call takes place all the same and nothing of it is kept.",
  "promise.sealed": "The vault receives and seals",
  "promise.sealed_text":
    "The call is encrypted up to the server, which receives it: it is not end-to-end encrypted. What is recorded is encrypted before it is written, in the European Union.",
  "promise.erased": "Erased, with proof",
  "promise.erased_text":
    "At your request or when its time is up, the key is destroyed, every copy deleted, and a receipt that anyone can verify proves it.",
  "footer.text":
    "This shop is invented: it is the demonstration page of Callvault, served by your own machine.",
  "footer.console": "Open the agents’ console",
};

const language = chooseLanguage([
  new URLSearchParams(location.search).get("lang"),
  ...navigator.languages,
  "fr",
]);
document.documentElement.lang = language;
document.querySelector("call-button")?.setAttribute("lang", language);
document.querySelector(`.languages [lang=${language}]`)?.setAttribute("aria-current", "true");

if (language === "en") {
  document.title = ENGLISH.title;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = ENGLISH[element.getAttribute("data-text") ?? ""];
  }
  for (const element of document.querySelectorAll("[data-alt]")) {
    element.setAttribute("alt", ENGLISH[element.getAttribute("data-alt") ?? ""]);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", ENGLISH[element.getAttribute("data-label") ?? ""]);
  }
}
