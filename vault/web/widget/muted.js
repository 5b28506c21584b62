// @ts-check
/** Whoever speaks while their microphone is off is told, with the way to turn it on. */

import { overhear } from "../shared/loudness.js";
import { h, icon } from "./dom.js";
import { plainButton } from "./parts.js";

const SHOWN_MS = 6000;

/** @type {import("./extras.js").Feature} */
export function muted(_model, { t, say, actions }) {
  const on = plainButton(t("live.unmute"), () => actions.mute(false));
  const banner = h("div", { class: "hint", hidden: true }, icon("micOff"), h("p", {}, t("live.unheard")), on);
  /** @type {MediaStreamTrack | null} */
  let track = null;
  /** @type {(() => void) | null} */
  let stop = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const hide = () => {
    clearTimeout(timer);
    banner.hidden = true;
  };
  const spoke = () => {
    if (banner.hidden) say(t("live.unheard"));
    hide();
    banner.hidden = false;
    timer = setTimeout(hide, SHOWN_MS);
  };
  const close = () => {
    stop?.();
    stop = track = null;
    hide();
  };
  const show = (/** @type {import("./call.js").Model} */ { muted: isMuted, stream }) => {
    const microphone = (isMuted && stream?.getAudioTracks()[0]) || null;
    if (microphone === track) return;
    close();
    track = microphone;
    if (microphone) stop = overhear(microphone, spoke);
  };
  return { banner, show, close };
}
