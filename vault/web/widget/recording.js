// @ts-check
/** Whether the call is recorded, where that changes in its middle; and the visitor's way to stop it. */

import { h, icon } from "./dom.js";
import { menuItem } from "./more.js";
import { mainButton, plainButton } from "./parts.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */

/** What the badge says instead of “recorded”. @param {Model} model @returns {string | null} a key of the sentences */
export function badgeOf({ recording }) {
  return recording && recording in BADGES ? BADGES[recording] : null;
}

/** @type {Readonly<Record<string, string>>} */
const BADGES = Object.freeze({
  paused: "recording.badge_paused",
  withdrawn: "recording.badge_withdrawn",
  not_recorded: "live.not_recorded",
});

/** @type {import("./extras.js").Feature} */
export function recording(model, scene) {
  const { t, actions, say } = scene;
  if (model.choice !== "accepted" || !model.notice?.records.length) return { show: () => undefined };
  let now = model;
  let isAsked = false;
  const words = h("p");
  const yes = mainButton(t("recording.stop_yes"), () => actions.withdraw());
  const no = plainButton(t("recording.stop_no"), () => ask(false));
  const buttons = h("div", { class: "share-buttons" }, yes, no);
  const banner = h("div", { class: "share", hidden: true }, icon("notKept"), words, buttons);
  const item = menuItem("notKept", t("recording.stop"), () => ask(true));
  item.hidden = true; // until the vault said what it would do
  const ask = (/** @type {boolean} */ wanted) => {
    isAsked = wanted;
    draw();
    if (wanted) yes.focus();
  };
  const draw = () => {
    if (now.recording === "withdrawn" && !now.withdrawalTrouble) isAsked = false;
    const told = wordsOf(now, isAsked, t);
    if (told !== words.textContent) say(told);
    words.textContent = told;
    banner.hidden = !told;
    buttons.hidden = !isAsked;
    item.hidden = now.onWithdrawal === null || isStopped(now);
  };
  const show = (/** @type {Model} */ next) => {
    now = next;
    draw();
  };
  actions.lookUpRule();
  return { banner, items: [item], show };
}

/** @param {Model} model */
function isStopped({ recording: state }) {
  return state === "withdrawn" || state === "not_recorded";
}

/**
 * @param {Model} model
 * @param {boolean} isAsked
 * @param {import("../shared/i18n.js").Translate} t
 */
function wordsOf({ recording: state, onWithdrawal, withdrawalTrouble }, isAsked, t) {
  const after = onWithdrawal ? t(`recording.then_${onWithdrawal}`) : "";
  if (withdrawalTrouble) return t("recording.trouble");
  if (isAsked) return `${t("recording.question")} ${after}`;
  if (state === "withdrawn") return `${t("recording.withdrawn")} ${after}`;
  if (state === "not_recorded") return t("recording.not_recorded");
  return state === "paused" ? t("recording.paused") : "";
}
