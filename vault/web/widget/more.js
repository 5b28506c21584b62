// @ts-check
/** The rest of what can be done, behind one control: a list that opens above the row. */

import { control } from "./controls.js";
import { h, icon } from "./dom.js";

/** @typedef {import("./view.js").Scene} Scene */

/**
 * @param {HTMLElement[]} items
 * @param {Scene} scene
 */
export function moreOf(items, { t }) {
  const list = h("div", { class: "more-list", hidden: true }, ...items);
  const node = control("more", [icon("more")], t("live.more"), () => turn(list.hidden));
  node.setAttribute("aria-expanded", "false");
  const turn = (/** @type {boolean} */ open) => {
    list.hidden = !open;
    node.setAttribute("aria-expanded", String(open));
    if (open) items.find((item) => !item.hidden)?.focus();
  };
  list.addEventListener("click", () => {
    turn(false);
    node.focus();
  });
  list.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    turn(false);
    node.focus();
  });
  const show = () => {
    node.hidden = items.every((item) => item.hidden);
    if (node.hidden && !list.hidden) turn(false);
  };
  return { node, list, show };
}

/**
 * One line of that list.
 * @param {import("./dom.js").IconName} name
 * @param {string} words
 * @param {() => void} act
 */
export function menuItem(name, words, act) {
  return h("button", { type: "button", class: "item", click: act }, icon(name), h("span", {}, words));
}
