// @ts-check
/** The upper edge of a running call: recorded or not, for how long, and how the panel is shown. */

import { canFloat, float } from "../shared/float.js";
import { small } from "./controls.js";
import { h, icon } from "./dom.js";
import { isRecorded } from "./live_words.js";
import { badgeOf } from "./recording.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */

/**
 * @param {{node: HTMLElement, time: HTMLElement, pickers: ReturnType<typeof pickersOf>,
 *   picture: () => HTMLVideoElement | null}} panel
 * @param {Scene} scene
 */
export function barOf({ node, time, pickers, picture }, { t }) {
  const badge = recordingBadge(t);
  const devices = small("devices", t("live.devices"), () => {
    devices.setAttribute("aria-expanded", String(pickers.toggle()));
  });
  devices.setAttribute("aria-expanded", "false");
  const pip = small("pip", t("live.pip"), () => void float(picture()));
  const size = turn(node, "wide", ["larger", t("live.larger")], ["smaller", t("live.smaller")]);
  const fold = turn(node, "folded", ["minimise", t("live.minimise")], ["restore", t("live.restore")]);
  let wasSharing = false;
  const show = (/** @type {Model} */ now) => {
    const { party } = now;
    badge.show(isRecorded(now), badgeOf(now));
    const isSharing = party.others.some(({ kind }) => kind === "screen");
    if (isSharing !== wasSharing) size.set(isSharing);
    wasSharing = isSharing;
    size.node.hidden = !party.others.length;
  };
  const draw = () => {
    pip.hidden = !canFloat() || !picture();
  };
  return { node: h("div", { class: "bar" }, badge.node, time, devices, pip, size.node, fold.node), show, draw };
}

/**
 * A small button that puts a class on the panel and takes it off.
 * @param {HTMLElement} panel
 * @param {string} name
 * @param {[import("./dom.js").IconName, string]} on
 * @param {[import("./dom.js").IconName, string]} off
 */
function turn(panel, name, on, off) {
  const set = (/** @type {boolean} */ wanted) => {
    panel.classList.toggle(name, wanted);
    const [picture, label] = wanted ? off : on;
    node.replaceChildren(icon(picture));
    node.title = label;
    node.setAttribute("aria-label", label);
  };
  const node = small(on[0], on[1], () => set(!panel.classList.contains(name)));
  return { node, set };
}

/** @param {import("../shared/i18n.js").Translate} t */
function recordingBadge(t) {
  const words = h("span");
  const node = h("span", { class: "badge" }, h("span", { class: "dot" }), words);
  const show = (/** @type {boolean} */ recorded, /** @type {string | null} */ instead) => {
    node.classList.toggle("recorded", recorded && !instead);
    words.textContent = t(instead ?? (recorded ? "live.recorded" : "live.not_recorded"));
  };
  return { node, show };
}
