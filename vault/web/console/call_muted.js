// @ts-check
/** Whoever speaks while their microphone is off is told, with the way to turn it on. */

import { icon } from "../shared/icons.js";
import { overhear } from "../shared/loudness.js";
import { el, say } from "./dom.js";
import { t } from "./words.js";

const SHOWN_MS = 6000;

/** @type {import("./call_extras.js").Feature} */
export function muted({ call }) {
  const on = el("button", { type: "button", class: "secondary", onclick: () => call.mute(false) }, t("call.unmute"));
  const banner = el("div", { class: "note note-warn", hidden: true }, icon("micOff"), el("p", {}, t("call.unheard")), on);
  /** @type {MediaStreamTrack | null} */ let track = null;
  /** @type {(() => void) | null} */ let stop = null;
  let timer = 0;
  const hide = () => {
    clearTimeout(timer);
    banner.hidden = true;
  };
  const spoke = () => {
    if (banner.hidden) say(t("call.unheard"));
    hide();
    banner.hidden = false;
    timer = setTimeout(hide, SHOWN_MS);
  };
  const close = () => {
    stop?.();
    stop = track = null;
    hide();
  };
  const reflect = () => {
    const microphone = (call.isMuted && call.stream.getAudioTracks()[0]) || null;
    if (microphone === track) return;
    close();
    track = microphone;
    if (microphone) stop = overhear(microphone, spoke);
  };
  return { banner, reflect, close };
}
