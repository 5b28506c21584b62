// @ts-check
/** What features add to the panel of a running call: each is a module of its own, named here and nowhere else. */

import { camera } from "./camera.js";
import { chat } from "./chat.js";
import { muted } from "./muted.js";
import { recording } from "./recording.js";
import { sharing } from "./sharing.js";
import { stopping } from "./stopping.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */
/**
 * A feature's places on the panel; what it does not need it leaves out.
 * @typedef {object} Extra
 * @property {HTMLElement} [banner] above the pictures: what the visitor must not miss
 * @property {HTMLElement} [panel] below the pictures
 * @property {HTMLElement[]} [buttons] in the row of controls (made by `control` or `toggle`)
 * @property {HTMLElement[]} [items] behind “More” (made by `menuItem`); hidden ones are not counted
 * @property {(model: Model) => void} show told after every change, from the beginning
 * @property {() => void} [close]
 */
/** @typedef {(model: Model, scene: Scene) => Extra} Feature */

/** @type {readonly Feature[]} in the order in which they are shown */
const FEATURES = Object.freeze([stopping, recording, muted, camera, chat, sharing]);

/**
 * @param {Model} model
 * @param {Scene} scene
 */
export function extrasOf(model, scene) {
  const extras = FEATURES.map((feature) => feature(model, scene));
  const all = (/** @type {"banner" | "panel"} */ place) =>
    extras.flatMap(({ [place]: node }) => (node ? [node] : []));
  return {
    banners: all("banner"),
    panels: all("panel"),
    buttons: extras.flatMap(({ buttons = [] }) => buttons),
    items: extras.flatMap(({ items = [] }) => items),
    show: (/** @type {Model} */ now) => extras.forEach((extra) => extra.show(now)),
    close: () => extras.forEach((extra) => extra.close?.()),
  };
}
