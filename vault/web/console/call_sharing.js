// @ts-check
/** Showing one's screen to the visitor: the control, the line while it lasts, and why it may not go. */

import { canShare } from "../shared/display.js";
import { icon } from "../shared/icons.js";
import { control } from "./call_controls.js";
import { el, say } from "./dom.js";
import { t } from "./words.js";

/** @type {import("./call_extras.js").Feature} */
export function sharing(screen) {
  const { call } = screen;
  if (!call.wantsVideo) return {};
  const { share } = call;
  let isHopeless = false; // asked for on a phone
  const press = () => {
    isHopeless = !canShare();
    if (isHopeless) call.changed();
    else if (share.phase === "off") share.start();
    else share.stop();
  };
  const button = control("screen", press);
  const words = el("p", {});
  const stop = el("button", { type: "button", class: "secondary", onclick: () => share.stop() }, t("share.stop"));
  const banner = el("div", { class: "note note-info share sharing", hidden: true }, icon("screen"), words, stop);
  const reflect = () => {
    const isOn = share.phase !== "off";
    button.show(isOn ? "screenOff" : "screen", t(isOn ? "share.stop" : "share.start"));
    button.button.dataset.on = String(isOn);
    const told = isHopeless && !isOn ? t("share.unsupported") : wordsOf(screen);
    if (told !== words.textContent) say(told);
    words.textContent = told;
    banner.hidden = !told;
    stop.hidden = !isOn;
  };
  return { banner, control: button, reflect };
}

/** @param {import("./call_screen.js").CallScreen} screen */
function wordsOf({ call, isRecorded }) {
  const { phase, trouble } = call.share;
  if (phase === "off") return trouble ? t(`share.${trouble}`) : "";
  if (phase !== "on") return t(`share.${phase}`);
  if (!call.feeds.size) return t("share.nobody");
  return `${t("share.on")} ${t(isRecorded ? "share.kept" : "share.not_kept")}`;
}
