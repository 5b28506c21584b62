// @ts-check
/** How to allow microphone and camera again, in this browser's own places. */

import { helpHere } from "../shared/help.js";
import { h, icon } from "./dom.js";

/** @param {import("./view.js").Scene} scene */
export function stepsToAllow({ t }) {
  const { steps, lookFor } = helpHere();
  const lines = steps.map((key, at) =>
    h("li", {}, t(`permission.${key}`), ...(at === 0 ? lookFor.map((name) => icon(name)) : [])),
  );
  return [h("ol", { class: "steps" }, ...lines), h("p", { class: "aside" }, t("permission.system"))];
}
