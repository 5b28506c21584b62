// @ts-check
/** Showing one's screen: the question before it, the line while it lasts, and why it may not go. */

import { canShare } from "../shared/display.js";
import { control } from "./controls.js";
import { h, icon } from "./dom.js";
import { isRecorded, presentNames } from "./live_words.js";
import { menuItem } from "./more.js";
import { mainButton, plainButton } from "./parts.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */

/** @type {import("./extras.js").Feature} */
export function sharing(model, scene) {
  const { t, actions } = scene;
  if (!model.canBeSeen) return { show: () => undefined };
  let now = model;
  let isAsked = false;
  let isHopeless = false; // asked for on a phone
  const ask = (/** @type {boolean} */ wanted) => {
    isAsked = wanted;
    draw();
    if (wanted) choose.focus();
    else button.focus();
  };
  const words = h("p");
  const choose = mainButton(t("share.choose"), () => actions.share());
  const cancel = plainButton(t("cancel"), () => ask(false));
  const stop = plainButton(t("share.stop"), () => actions.stopSharing());
  const buttons = h("div", { class: "share-buttons" }, choose, cancel, stop);
  const banner = h("div", { class: "share", hidden: true }, icon("screen"), words, buttons);
  const press = () => (now.sharing === "off" ? ask(!isAsked) : actions.stopSharing());
  const button = control("share-screen", [icon("screen"), icon("screenOff")], t("share.short"), press);
  const item = menuItem("screen", t("share.start"), () => {
    isHopeless = true;
    draw();
  });
  item.hidden = canShare();
  const draw = () => {
    const isOn = now.sharing !== "off";
    const canBegin = canShare() && now.party.phase === "talking";
    if (isOn || !canBegin) isAsked = false;
    button.hidden = !isOn && !canBegin;
    button.classList.toggle("on", isOn);
    button.title = t(isOn ? "share.stop" : "share.start");
    /** @type {HTMLElement} */ (button.lastChild).textContent = t(isOn ? "share.stop_short" : "share.short");
    button.setAttribute("aria-label", button.title);
    const told = isHopeless ? t("share.unsupported") : wordsOf(now, isAsked, scene);
    if (told !== words.textContent && !isAsked) scene.say(told);
    words.textContent = told;
    banner.hidden = !told;
    banner.classList.toggle("on", isOn);
    [choose.hidden, cancel.hidden, stop.hidden] = [!isAsked, !isAsked, !isOn];
    buttons.hidden = !isAsked && !isOn;
  };
  const show = (/** @type {Model} */ next) => {
    now = next;
    draw();
  };
  return { banner, buttons: [button], items: [item], show };
}

/**
 * To whom, and whether it is kept: told before anything is chosen, and while it lasts.
 * @param {Model} model
 * @param {boolean} isAsked
 * @param {Scene} scene
 */
function wordsOf(model, isAsked, { t, language }) {
  const name = presentNames(model, language) || t("live.somebody");
  const isKept = isRecorded(model);
  if (isAsked) return `${t("share.question", { name })} ${t(isKept ? "share.will_be_kept" : "share.not_kept")}`;
  if (model.sharing === "asking") return t("share.asking");
  if (model.sharing === "joining") return t("share.joining");
  if (model.sharing === "off") return model.shareTrouble ? t(`share.${model.shareTrouble}`) : "";
  if (model.party.phase !== "talking") return t("share.nobody");
  return `${t("share.on", { name })} ${t(isKept ? "share.kept" : "share.not_kept")}`;
}
