// @ts-check
/** The first section beside the pictures: what is known of the call, and whether it is recorded. */

import { el } from "./dom.js";
import { cardFacts } from "./incoming.js";
import { t } from "./words.js";

/**
 * A section of the column beside the pictures.
 * @param {string} name  unique on the screen; the heading's id is `call-` and this
 * @param {string} title
 * @param {...import("./dom.js").Child} children
 */
export function section(name, title, ...children) {
  const id = `call-${name}`;
  return el("section", { class: `card panel call-${name}-section`, "aria-labelledby": id }, el("h2", { id }, title), ...children);
}

/** @type {import("./call_extras.js").Feature} */
export function about(screen) {
  const { card } = screen.call;
  const recorded = el("p", { class: "call-consent" });
  const reflect = () => {
    const words = recordedInWords(screen);
    if (recorded.textContent !== words) recorded.textContent = words;
  };
  return { section: section("about", t("call.about"), card && cardFacts(card), recorded), reflect };
}

/** @param {import("./call_screen.js").CallScreen} screen */
function recordedInWords({ isRecorded, call }) {
  if (isRecorded) return t("call.recorded");
  return t(call.call.consent === "refused" ? "call.refused" : "call.not_recorded");
}
