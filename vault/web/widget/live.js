// @ts-check
/** The panel of a running call: how it stands, whether it is recorded, who is there, what can be pressed. */

import { clock } from "../shared/i18n.js";
import { controlsOf, small } from "./controls.js";
import { h, icon } from "./dom.js";
import { mainButton, title } from "./parts.js";
import { pickersOf } from "./pickers.js";
import { stageOf, upperFirst } from "./stage.js";

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
  const controls = controlsOf(model, scene);
  const finish = mainButton(t("live.message_end"), scene.actions.hangUp);
  const node = h("div", { class: "panel live" });
  const bar = barOf({ model, node, time, pickers, picture: stage.picture }, scene);
  node.append(bar.node, heading, lead, pickers.node, stage.node, hear, trouble.node, finish, controls.node);
  const update = (/** @type {Model} */ now) => {
    const words = wordsOf(now, scene);
    if (setText(heading, words.title) | setText(lead, words.lead)) scene.say(`${words.title} ${words.lead}`);
    lead.hidden = !words.lead;
    finish.hidden = !isMessage(now);
    hear.hidden = !now.soundBlocked;
    for (const part of [stage, controls, trouble, pickers, bar]) part.show(now);
  };
  update(model);
  const timer = setInterval(() => {
    setText(time, clock(Date.now() - (model.startedAt ?? Date.now())));
    stage.draw();
  }, TICK_MS);
  const close = () => {
    clearInterval(timer);
    stage.close();
    pickers.close();
  };
  return { node, update, close };
}

/** @param {Model} model */
function isRecorded({ choice, notice }) {
  return choice === "accepted" && Boolean(notice?.records.length);
}

/**
 * Nobody came, and what is said is kept.
 * @param {Model} model
 */
export function isMessage(model) {
  return model.party.phase === "nobody" && isRecorded(model);
}

/**
 * How the call stands, in a line and a half.
 * @param {Model} model
 * @param {Scene} scene
 * @returns {{title: string, lead: string}}
 */
function wordsOf(model, { t, language }) {
  const { phase, name: given } = model.party;
  const name = given || t("live.somebody");
  const capital = upperFirst(name);
  switch (phase) {
    case "ringing":
      return { title: t("live.ringing"), lead: waitingWords(model, t) };
    case "taken":
      return { title: t("live.taken", { name: capital }), lead: t("live.taken_text") };
    case "talking":
      return { title: t("live.with", { name: presentNames(model, language) || name }), lead: "" };
    case "nobody":
      return { title: t("live.nobody"), lead: t(isMessage(model) ? "live.message" : "live.no_message") };
    case "away":
      return { title: t("live.away", { name: capital }), lead: t("live.away_text") };
    default:
      return { title: t("live.title", { tenant: model.notice?.tenant_name ?? "" }), lead: "" };
  }
}

/**
 * @param {Model} model
 * @param {import("../shared/i18n.js").Language} language
 */
function presentNames({ party: { others } }, language) {
  const names = new Set(others.filter(({ name }) => name).map(({ name }) => name));
  return new Intl.ListFormat(language).format(names);
}

/**
 * The place in the queue as the vault tells it, and nothing where it does not.
 * @param {Model} model
 * @param {import("../shared/i18n.js").Translate} t
 */
function waitingWords({ party: { position, agents } }, t) {
  if (position !== null && position > 1) return t("live.queue", { position });
  if (position === 1 && agents === 0) return t("live.queue_next");
  return t("live.ringing_text");
}

/**
 * The upper edge: recorded or not, for how long, and how the panel is shown.
 * @param {{model: Model, node: HTMLElement, time: HTMLElement, pickers: ReturnType<typeof pickersOf>,
 *   picture: () => HTMLVideoElement | null}} panel
 * @param {Scene} scene
 */
function barOf({ model, node, time, pickers, picture }, { t }) {
  const badge = recordingBadge(isRecorded(model), t);
  const devices = small("devices", t("live.devices"), () => {
    devices.setAttribute("aria-expanded", String(pickers.toggle()));
  });
  devices.setAttribute("aria-expanded", "false");
  const pip = small("pip", t("live.pip"), () => void float(picture()));
  const size = turn(node, "wide", ["larger", t("live.larger")], ["smaller", t("live.smaller")]);
  const fold = turn(node, "folded", ["minimise", t("live.minimise")], ["restore", t("live.restore")]);
  let wasSharing = false;
  const show = (/** @type {Model} */ { party }) => {
    const isSharing = party.others.some(({ kind }) => kind === "screen");
    if (isSharing !== wasSharing) size.set(isSharing);
    wasSharing = isSharing;
    size.node.hidden = !party.others.length;
    pip.hidden = !party.others.length || !document.pictureInPictureEnabled;
  };
  return { node: h("div", { class: "bar" }, badge, time, devices, pip, size.node, fold.node), show };
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

/** The picture in a window of its own, over all others; pressed again, back in its place.
 * @param {HTMLVideoElement | null} video
 */
async function float(video) {
  try {
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else await video?.requestPictureInPicture();
  } catch {
    // No picture yet, or the browser does not want to: the call itself is not touched.
  }
}

/**
 * @param {boolean} recorded
 * @param {import("../shared/i18n.js").Translate} t
 */
function recordingBadge(recorded, t) {
  const label = t(recorded ? "live.recorded" : "live.not_recorded");
  return h("span", { class: recorded ? "badge recorded" : "badge" }, h("span", { class: "dot" }), label);
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
