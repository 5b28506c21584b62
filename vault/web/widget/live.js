// @ts-check
/** The panel of a running call: how it stands, whether it is recorded, who is there, what can be pressed. */

import { clock } from "../shared/i18n.js";
import { controlsOf } from "./controls.js";
import { h, icon } from "./dom.js";
import { extrasOf } from "./extras.js";
import { barOf } from "./live_bar.js";
import { isMessage, wordsOf } from "./live_words.js";
import { moreOf } from "./more.js";
import { mainButton, title } from "./parts.js";
import { pickersOf } from "./pickers.js";
import { stageOf } from "./stage.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */

const TICK_MS = 100; // the level bars; the clock changes once a second
/** @type {Readonly<Record<import("./line.js").Health, string | null>>} */
const TROUBLE = Object.freeze({
  good: null,
  weak: "live.weak",
  interrupted: "live.unstable",
  reconnecting: "live.reconnecting",
});

/**
 * @param {Model} model
 * @param {Scene} scene
 * @returns {import("./parts.js").Panel}
 */
export function livePanel(model, scene) {
  const { t } = scene;
  const time = h("span", { class: "time", role: "timer", "aria-label": t("live.time") }, "0:00");
  const heading = title("");
  const lead = h("p", { class: "lead" });
  const stage = stageOf(scene);
  const hear = h("button", { type: "button", class: "main hear", click: scene.actions.unblockSound });
  hear.append(icon("sound"), t("live.hear"));
  const trouble = troubleOf(scene);
  const pickers = pickersOf(scene);
  const extras = extrasOf(model, scene);
  const more = moreOf(extras.items, scene);
  const controls = controlsOf(scene, [...extras.buttons, more.node]);
  const finish = mainButton(t("live.message_end"), scene.actions.hangUp);
  const node = h("div", { class: "panel live" });
  const bar = barOf({ model, node, time, pickers, picture: stage.picture }, scene);
  node.append(bar.node, heading, lead, pickers.node, ...extras.banners, stage.node, ...extras.panels);
  node.append(hear, trouble.node, finish, more.list, controls.node);
  const update = (/** @type {Model} */ now) => {
    const words = wordsOf(now, scene);
    if (setText(heading, words.title) | setText(lead, words.lead)) scene.say(`${words.title} ${words.lead}`);
    lead.hidden = !words.lead;
    finish.hidden = !isMessage(now);
    hear.hidden = !now.soundBlocked;
    for (const part of [stage, controls, trouble, pickers, bar, extras, more]) part.show(now);
  };
  update(model);
  const timer = setInterval(() => {
    setText(time, clock(Date.now() - (model.startedAt ?? Date.now())));
    stage.draw();
    bar.draw();
  }, TICK_MS);
  const close = () => {
    clearInterval(timer);
    stage.close();
    pickers.close();
    extras.close();
  };
  return { node, update, close };
}

/** @param {Scene} scene */
function troubleOf({ t, say }) {
  const words = h("span");
  const node = h("p", { class: "trouble", hidden: true }, icon("warning"), words);
  const show = (/** @type {Model} */ { health }) => {
    const key = TROUBLE[health];
    if (key && setText(words, t(key))) say(t(key));
    if (!key && setText(words, "")) say(t("live.stable"));
    node.hidden = !key;
  };
  return { node, show };
}

/** Only a change is written: rewriting the same words makes some screen readers repeat them.
 * @param {HTMLElement} element
 * @param {string} words
 * @returns {boolean} whether anything changed
 */
function setText(element, words) {
  if (element.textContent === words) return false;
  element.textContent = words;
  return true;
}
