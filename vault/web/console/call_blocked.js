// @ts-check
/** The call's page while microphone or camera did not open: why, and what can be done. */

import { stepsToAllow } from "./device_help.js";
import { el } from "./dom.js";
import { t } from "./words.js";

/** @param {import("./call.js").Call} call */
export function blockedPage(call) {
  const again = () => call.begin();
  const silent = () => call.begin({ video: false });
  return el(
    "div",
    { class: "card panel blocked" },
    el("h2", {}, t("call.blocked_title")),
    el("p", {}, t(`blocked.${call.reason}`)),
    call.reason === "denied" && stepsToAllow(),
    el(
      "div",
      { class: "ring-buttons" },
      el("button", { type: "button", class: "primary", onclick: again }, t("shell.retry")),
      call.wantsVideo &&
        el("button", { type: "button", class: "secondary", onclick: silent }, t("call.sound_only")),
      el("button", { type: "button", class: "danger-quiet", onclick: () => call.hangUp() }, t("call.hang_up")),
    ),
  );
}
