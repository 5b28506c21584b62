// @ts-check
/** That the vault is about to restart: said while there is time to finish a sentence. */

import { h, icon } from "./dom.js";

/** @type {import("./extras.js").Feature} */
export function stopping(_model, { t, say }) {
  const words = h("p");
  const banner = h("div", { class: "trouble stopping", hidden: true }, icon("warning"), words);
  const show = (/** @type {import("./call.js").Model} */ { party }) => {
    if (banner.hidden === !party.stopping) return;
    words.textContent = party.stopping ? t("live.stopping") : "";
    banner.hidden = !party.stopping;
    if (party.stopping) say(t("live.stopping"));
  };
  return { banner, show };
}
