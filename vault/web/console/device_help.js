// @ts-check
/** Why a microphone or camera did not open, in plain words, and how to allow it in this browser's own places. */

import { helpHere } from "../shared/help.js";
import { icon } from "../shared/icons.js";
import { DeviceFailure } from "./devices.js";
import { el, note } from "./dom.js";
import { t } from "./words.js";

/** What to say of anything caught while a device opened. @param {unknown} caught */
export function deviceTrouble(caught) {
  const code = caught instanceof DeviceFailure ? caught.code : "unknown";
  const shown = note("danger", t(`blocked.${code}`));
  if (code === "denied") shown.append(stepsToAllow());
  return shown;
}

/** One step after the other, with the pictures to look for. */
export function stepsToAllow() {
  const { steps, lookFor } = helpHere();
  const lines = steps.map((key, at) => el("li", {}, t(`help.${key}`), at === 0 ? lookFor.map(icon) : []));
  return el("div", { class: "allow" }, el("ol", {}, lines), el("p", { class: "muted small" }, t("help.system")));
}
