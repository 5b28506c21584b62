// @ts-check
/** The pieces that panels are made of. */

import { h, icon } from "./dom.js";

/** @typedef {import("./view.js").Scene} Scene */
/** @typedef {{node: HTMLElement, update?: (model: import("./call.js").Model) => void, close?: () => void}} Panel */
/** @typedef {[import("./dom.js").IconName, string, string | HTMLElement]} Fact */

/** The panel's name: gets the focus when the panel appears, so a screen reader begins there.
 * @param {string} text
 */
export function title(text) {
  return h("h2", { id: "title", tabindex: "-1" }, text);
}

/** @param {string} text */
export function said(text) {
  return h("span", { class: "said" }, text);
}

/** @param {(Fact | false)[]} rows */
export function facts(rows) {
  const list = h("dl", { class: "facts" });
  for (const row of rows) {
    if (!row) continue;
    const [name, term, value] = row;
    const told = typeof value === "string" ? h("dd", {}, value) : value;
    list.append(h("div", {}, h("dt", {}, icon(name), term), told));
  }
  return list;
}

/**
 * @param {string} label
 * @param {() => void} act
 */
export function mainButton(label, act) {
  return h("button", { type: "button", class: "main", click: act }, label);
}

/**
 * @param {string} label
 * @param {() => void} act
 */
export function plainButton(label, act) {
  return h("button", { type: "button", class: "plain", click: act }, label);
}

/**
 * @param {string} text
 * @param {Scene} scene
 * @param {string} [more]
 * @returns {Panel}
 */
export function waiting(text, scene, more) {
  const rings = h("div", { class: "rings" }, h("span"), h("span"), icon("phone"));
  const lead = more ? h("p", { class: "lead" }, more) : null;
  return {
    node: h(
      "div",
      { class: "panel centred" },
      rings,
      title(text),
      lead,
      plainButton(scene.t("cancel"), scene.actions.hangUp),
    ),
  };
}
