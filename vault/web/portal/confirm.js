// @ts-check
/** A question before what cannot be undone: a dialog with two answers, the careful one first. */

import { h } from "../widget/dom.js";

/**
 * @param {{title: string, text: string, yes: string, no: string, tone: "main" | "danger"}} words
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, yes, no, tone }) {
  return new Promise((decide) => {
    const answer = (/** @type {string} */ value) => () => dialog.close(value);
    const dialog = h(
      "dialog",
      { "aria-labelledby": "question", "aria-describedby": "question-text" },
      h("h2", { id: "question", tabindex: "-1" }, title),
      h("p", { id: "question-text" }, text),
      h(
        "div",
        { class: "answers" },
        h("button", { type: "button", class: "plain", click: answer("no") }, no),
        h("button", { type: "button", class: tone, click: answer("yes") }, yes),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      decide(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("h2")?.focus();
  });
}
