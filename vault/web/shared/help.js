// @ts-check
/** How to allow microphone and camera again: each browser hides it elsewhere. */

/** @typedef {"chromium" | "firefox" | "safari" | "ios" | "ios_app" | "android"} Kind */

/** Names of sentences; widget and console have them in their own tables. @type {Readonly<Record<Kind, readonly string[]>>} */
const STEPS = Object.freeze({
  chromium: ["chromium_1", "step_2", "step_3"],
  firefox: ["firefox_1", "firefox_2", "step_3"],
  safari: ["safari_1", "step_2", "step_3"],
  ios: ["ios_1", "step_2", "step_3"],
  ios_app: ["ios_app_1", "step_2", "step_3"],
  android: ["android_1", "step_2", "step_3"],
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

/** @typedef {"sliders" | "lock" | "cameraOff" | "micOff" | "page"} Picture */
/** The pictures to look for in the first step. @type {Readonly<Record<Kind, readonly Picture[]>>} */
const LOOK_FOR = Object.freeze({
  chromium: ["sliders", "lock", "cameraOff"],
  firefox: ["micOff", "cameraOff"],
  safari: [],
  ios: ["page"],
  ios_app: [],
  android: ["sliders", "lock"],
});

/** @returns {{steps: readonly string[], lookFor: readonly Picture[]}} sentences in their order */
export function helpHere() {
  const kind = kindOf(navigator);
  return { steps: STEPS[kind], lookFor: LOOK_FOR[kind] };
}
