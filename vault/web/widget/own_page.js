// @ts-check
/** The visitor's own page, offered when a call is over: its link to open, to copy and to save. */

import { h, icon } from "./dom.js";
import { plainButton } from "./parts.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */

/** Whether anything of a call may be kept, so that there is something to come back to. @param {Model} model */
export function mayBeKept(model) {
  return model.choice === "accepted" && model.startedAt !== null && Boolean(model.notice?.records.length);
}

/**
 * @param {Model} model
 * @param {Scene} scene
 * @returns {HTMLElement | null}
 */
export function ownPage(model, scene) {
  if (!mayBeKept(model)) return null;
  const { t } = scene;
  const inside = h("div", { class: "own-page" });
  const ask = async () => {
    inside.replaceChildren(h("p", { class: "aside" }, t("own.wait")));
    try {
      inside.replaceChildren(...offered(await scene.actions.ownLink(), model, scene));
    } catch {
      inside.replaceChildren(h("p", { class: "aside" }, t("own.failed")), plainButton(t("again"), () => void ask()));
    }
  };
  void ask();
  return inside;
}

/**
 * @param {string} url
 * @param {Model} model
 * @param {Scene} scene
 */
function offered(url, model, { t, say }) {
  const copy = async () => {
    await navigator.clipboard?.writeText(url);
    say(t("own.copied"));
  };
  const leads = (/** @type {string} */ words) =>
    h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, words);
  const label = t("own.copy");
  const isOpen = model.recording !== "withdrawn";
  return [
    h("p", { class: "own-title" }, icon("page"), h("strong", {}, t("own.title"))),
    h("p", { class: "aside", "data-saved": `${t("own.text")} ${url}` }, t("own.text")),
    h(
      "div",
      { class: "own-ways" },
      leads(t("own.open")),
      h("button", { type: "button", class: "plain", click: () => void copy() }, icon("copy"), label),
      isOpen && leads(t("own.withdraw")),
    ),
  ];
}
