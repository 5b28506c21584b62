// @ts-check
/** How to allow microphone and camera again: each browser hides it elsewhere. */

/** @typedef {"chromium" | "firefox" | "safari" | "ios" | "ios_app" | "android"} Kind */

/** @type {Readonly<Record<Kind, readonly string[]>>} */
const STEPS = Object.freeze({
  chromium: ["permission.chromium_1", "permission.step_2", "permission.step_3"],
  firefox: ["permission.firefox_1", "permission.firefox_2", "permission.step_3"],
  safari: ["permission.safari_1", "permission.step_2", "permission.step_3"],
  ios: ["permission.ios_1", "permission.step_2", "permission.step_3"],
  ios_app: ["permission.ios_app_1", "permission.step_2", "permission.step_3"],
  android: ["permission.android_1", "permission.step_2", "permission.step_3"],
});

/**
 * Which browser this is, as far as its settings look different. Only words depend on it: a wrong guess misleads,
 * it breaks nothing.
 * @param {{userAgent: string, maxTouchPoints: number}} browser as `navigator`
 * @returns {Kind}
 */
export function kindOf({ userAgent, maxTouchPoints }) {
  const isApple = /iPhone|iPad|iPod/.test(userAgent);
  const isTablet = /Macintosh/.test(userAgent) && maxTouchPoints > 1; // an iPad calls itself a Mac
  if (isApple || isTablet) return /CriOS|FxiOS|EdgiOS|OPT\//.test(userAgent) ? "ios_app" : "ios";
  if (/Android/.test(userAgent)) return "android";
  if (/Firefox\//.test(userAgent)) return "firefox";
  if (/Safari\//.test(userAgent) && !/Chrom(e|ium)\//.test(userAgent)) return "safari";
  return "chromium"; // Chrome, Edge, and what is made of them
}

/** The pictures to look for in the first step. @type {Readonly<Record<Kind, readonly import("./dom.js").IconName[]>>} */
const LOOK_FOR = Object.freeze({
  chromium: ["sliders", "lock", "cameraOff"],
  firefox: ["micOff", "cameraOff"],
  safari: [],
  ios: ["page"],
  ios_app: [],
  android: ["sliders", "lock"],
});

/** @returns {{steps: readonly string[], lookFor: readonly import("./dom.js").IconName[]}} sentences in their order */
export function helpHere() {
  const kind = kindOf(navigator);
  return { steps: STEPS[kind], lookFor: LOOK_FOR[kind] };
}
