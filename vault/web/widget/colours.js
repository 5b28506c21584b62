// @ts-check
/**
 * The colours of shared/tokens.css that the call button uses, by role. The button lives on foreign pages,
 * where that style sheet is not loaded; tests/web/test_tokens.py keeps the two equal.
 */

/** @type {Readonly<Record<string, string>>} */
export const LIGHT = Object.freeze({
  "surface": "#ffffff",
  "sunken": "#f1efe9",
  "ink": "#1a2122",
  "ink-muted": "#50595a",
  "line": "#dedad1",
  "line-control": "#7c8584",
  "brand": "#0b5d56",
  "brand-hover": "#084a44",
  "on-brand": "#ffffff",
  "brand-soft": "#e1f0ed",
  "brand-text": "#0b5d56",
  "danger": "#b3261e",
  "danger-hover": "#931c15",
  "on-danger": "#ffffff",
  "danger-text": "#a1211a",
  "danger-soft": "#fcebe9",
  "ok": "#1b7a43",
  "ok-soft": "#e5f4ea",
  "ok-text": "#14603a",
  "warn-soft": "#fdf1dd",
  "warn-text": "#7d4300",
  "stage": "#0e1314",
  "on-stage": "#f2f5f4",
  "focus": "#1a5fd0",
  "focus-gap": "#ffffff",
  "backdrop": "rgb(14 19 20 / 55%)",
  "shadow-2": "0 2px 6px rgb(26 33 34 / 8%), 0 12px 32px rgb(26 33 34 / 14%)",
});

/** @type {Readonly<Record<string, string>>} */
export const DARK = Object.freeze({
  "surface": "#1a2123",
  "sunken": "#0c1011",
  "ink": "#eef2f0",
  "ink-muted": "#b1bbb9",
  "line": "#2f393b",
  "line-control": "#7d8988",
  "brand": "#74d3c6",
  "brand-hover": "#96e2d7",
  "on-brand": "#06221f",
  "brand-soft": "#163733",
  "brand-text": "#8adccf",
  "danger": "#d33f34",
  "danger-hover": "#bb3329",
  "on-danger": "#ffffff",
  "danger-text": "#ffb1a8",
  "danger-soft": "#421c18",
  "ok": "#74d69a",
  "ok-soft": "#163523",
  "ok-text": "#92e0b0",
  "warn-soft": "#3a2a10",
  "warn-text": "#f6c783",
  "stage": "#070a0a",
  "on-stage": "#f2f5f4",
  "focus": "#8ab8ff",
  "focus-gap": "#111617",
  "backdrop": "rgb(0 0 0 / 65%)",
  "shadow-2": "0 2px 6px rgb(0 0 0 / 30%), 0 12px 32px rgb(0 0 0 / 50%)",
});

/**
 * @param {Readonly<Record<string, string>>} colours
 * @returns {string} declarations of custom properties
 */
export function declarations(colours) {
  return Object.entries(colours)
    .map(([role, value]) => `--cv-${role}: ${value};`)
    .join(" ");
}
