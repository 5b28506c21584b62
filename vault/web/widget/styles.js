// @ts-check
/** The look of the call button. A constructed style sheet: a page's CSP that forbids inline styles accepts it. */

import { DARK, declarations, LIGHT } from "./colours.js";
import { CHAT } from "./styles_chat.js";
import { LIVE } from "./styles_live.js";

const BASE = `
:host { ${declarations(LIGHT)} color-scheme: light; }
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { ${declarations(DARK)} color-scheme: dark; } }
:host([theme="dark"]) { ${declarations(DARK)} color-scheme: dark; }

:host {
  display: inline-block;
  font: 400 16px/1.5 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue",
    "Liberation Sans", Arial, sans-serif;
  text-align: start; letter-spacing: normal; text-transform: none; word-spacing: normal;
  -webkit-text-size-adjust: 100%;
}
:host([hidden]) { display: none; }
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
h2, p, dl, dd, ol { margin: 0; padding: 0; }
.icon {
  flex: none; inline-size: 1.25em; block-size: 1.25em;
  fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round;
}
.said {
  position: absolute; inline-size: 1px; block-size: 1px; margin: -1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap;
}

button, summary, .switch { font: inherit; cursor: pointer; -webkit-tap-highlight-color: transparent; }
button {
  display: inline-flex; align-items: center; justify-content: center; gap: 10px;
  min-block-size: 48px; padding: 10px 20px; border: 0; border-radius: 10px;
  font-weight: 600; line-height: 1.25; color: inherit; background: none;
  transition: background-color 120ms, transform 120ms;
}
button:active { transform: translateY(1px); }
:focus-visible { outline: 3px solid var(--cv-focus); outline-offset: 2px; box-shadow: 0 0 0 2px var(--cv-focus-gap); }
h2:focus, h2:focus-visible { outline: none; box-shadow: none; }

.call {
  max-inline-size: 100%; padding-inline: 20px 24px; border-radius: 999px;
  color: var(--cv-on-brand); background: var(--cv-brand);
}
.call.busy { color: var(--cv-brand-text); background: var(--cv-brand-soft); box-shadow: inset 0 0 0 1.5px var(--cv-brand); }
.call:not(.busy):hover, .main:hover { background: var(--cv-brand-hover); }
.main { color: var(--cv-on-brand); background: var(--cv-brand); }
.tonal { color: var(--cv-brand-text); background: var(--cv-brand-soft); box-shadow: inset 0 0 0 1.5px var(--cv-brand); }
.tonal:hover { color: var(--cv-on-brand); background: var(--cv-brand); }
.tonal:focus-visible { box-shadow: inset 0 0 0 1.5px var(--cv-brand), 0 0 0 2px var(--cv-focus-gap); }
.tonal[aria-disabled="true"] { opacity: 0.6; cursor: progress; }
a { align-self: flex-start; padding-block: 8px; color: var(--cv-brand-text); font-weight: 550; text-underline-offset: 3px; }
.plain { align-self: center; min-block-size: 44px; color: var(--cv-ink-muted); font-weight: 500; }
.plain:hover { color: var(--cv-ink); background: var(--cv-sunken); }
.icon-only { min-block-size: 32px; min-inline-size: 32px; padding: 4px; color: var(--cv-brand-text); }
.icon-only:hover { background: var(--cv-brand-soft); }
`;

const SURFACES = `
.surface {
  inline-size: min(440px, calc(100vw - 32px)); max-block-size: calc(100dvh - 32px);
  padding: 0; border: 0; border-radius: 18px; overflow: auto; overscroll-behavior: contain;
  color: var(--cv-ink); background: var(--cv-surface); box-shadow: var(--cv-shadow-2);
}
dialog.surface { margin: auto; }
dialog.surface::backdrop { background: var(--cv-backdrop); }
.dock {
  position: fixed; z-index: 2147483000; inset: auto 20px 20px auto; margin: 0;
  inline-size: min(360px, calc(100vw - 32px)); border: 1px solid var(--cv-line);
}
.panel { display: flex; flex-direction: column; gap: 16px; padding: 28px 28px 16px; }
.panel.centred { align-items: center; text-align: center; padding-block-start: 36px; }
.panel > .main:last-child { margin-block-end: 12px; }
h2 { font-size: 23px; font-weight: 650; line-height: 1.25; letter-spacing: -0.01em; text-wrap: balance; }
.lead { color: var(--cv-ink); text-wrap: pretty; }
h2 + .lead { margin-block-start: -8px; }
.aside { font-size: 14px; color: var(--cv-ink-muted); text-wrap: pretty; }

.facts { display: grid; gap: 14px; padding: 16px; border-radius: 12px; background: var(--cv-sunken); }
.facts > div { display: grid; grid-template-columns: 20px 1fr; column-gap: 12px; }
dt { display: contents; font-size: 14px; color: var(--cv-ink-muted); }
dt .icon { inline-size: 20px; block-size: 20px; margin-block-start: 1px; color: var(--cv-brand-text); }
dd { grid-column: 2; font-weight: 550; overflow-wrap: anywhere; }
.own-page { display: grid; gap: 4px; padding: 16px; border-radius: 12px; background: var(--cv-brand-soft); }
.own-page .aside { color: var(--cv-ink); }
.own-page .plain { justify-content: flex-start; padding-inline: 0; color: var(--cv-brand-text); }
.own-title { display: flex; align-items: center; gap: 12px; color: var(--cv-brand-text); }
.own-title .icon { inline-size: 20px; block-size: 20px; }
.own-ways { display: grid; justify-items: start; }
.own-ways a, .own-ways .plain { justify-self: start; min-block-size: 44px; padding-block: 11px; line-height: 22px; }
.reference { display: flex; align-items: center; gap: 4px; }
code { font: 500 13px/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }

details { font-size: 14px; color: var(--cv-ink-muted); }
summary { padding-block: 6px; color: var(--cv-brand-text); font-weight: 550; border-radius: 6px; }
details p { padding-block: 4px 8px; }

.switch { display: flex; align-items: center; gap: 12px; min-block-size: 44px; font-weight: 550; }
.switch .icon { color: var(--cv-brand-text); }
.switch span { flex: 1; }
.switch input {
  appearance: none; position: relative; flex: none; inline-size: 46px; block-size: 28px; margin: 0; cursor: pointer;
  border: 2px solid var(--cv-line-control); border-radius: 999px; background: var(--cv-surface);
  transition: background-color 120ms;
}
.switch input::before {
  content: ""; position: absolute; inset: 4px auto auto 4px; inline-size: 16px; block-size: 16px;
  border-radius: 50%; background: var(--cv-line-control); transition: transform 120ms;
}
.switch input:checked { border-color: var(--cv-brand); background: var(--cv-brand); }
.switch input:checked::before { transform: translateX(18px); background: var(--cv-on-brand); }
.choices { display: grid; gap: 10px; }
.check { display: grid; gap: 10px; }
.check .self:not(.no-picture) { max-block-size: 180px; }
.panel:has(> .check:not([hidden])) > .choices { /* the answer stays in sight */
  position: sticky; inset-block-end: 0; padding-block: 10px; background: var(--cv-surface);
}
.last { display: flex; flex-wrap: wrap; justify-content: center; gap: 0 8px; }
.choices .tonal { justify-content: flex-start; text-align: start; }

.emblem {
  display: inline-flex; gap: 10px; align-self: flex-start; padding: 14px; border-radius: 14px;
  color: var(--cv-brand-text); background: var(--cv-brand-soft);
}
.centred .emblem { align-self: center; }
.emblem .icon { inline-size: 28px; block-size: 28px; }
.emblem.ok { color: var(--cv-ok-text); background: var(--cv-ok-soft); }
.emblem.warn { color: var(--cv-warn-text); background: var(--cv-warn-soft); }
.emblem.danger { color: var(--cv-danger-text); background: var(--cv-danger-soft); }
.steps { display: grid; gap: 8px; padding-inline-start: 1.4em; }
.steps .icon { inline-size: 20px; block-size: 20px; margin-inline: 4px 2px; vertical-align: -4px; color: var(--cv-brand-text); }
.steps li::marker { font-weight: 650; color: var(--cv-brand-text); }

.rings { position: relative; display: grid; place-items: center; inline-size: 96px; block-size: 96px; color: var(--cv-on-brand); }
.rings > * { grid-area: 1 / 1; }
.rings span { inline-size: 56px; block-size: 56px; border-radius: 50%; background: var(--cv-brand); }
.rings span:first-child { opacity: 0.25; animation: ring 1.8s ease-out infinite; }
.rings .icon { position: relative; inline-size: 26px; block-size: 26px; }
@keyframes ring { from { transform: scale(1); opacity: 0.4; } to { transform: scale(1.7); opacity: 0; } }
`;

const CIRCUMSTANCES = `
@media (max-width: 480px) {
  .surface {
    inline-size: 100vw; max-inline-size: 100vw; border-radius: 20px 20px 0 0;
    padding-block-end: env(safe-area-inset-bottom); max-block-size: calc(100dvh - 24px);
  }
  dialog.surface { margin: auto 0 0; }
  .dock { inset: auto 0 0; border-inline: 0; border-block-end: 0; }
  .panel { padding: 24px 20px 12px; }
  .live { padding: 14px 16px 18px; }
  .dock .panel, .dock .live.wide, .dock .live.folded { inline-size: auto; }
  .bar .larger, .bar .smaller { display: none; }
  .folded { padding: 8px 8px 10px 16px; }
}
@media (max-width: 360px) {
  .round { inline-size: 46px; block-size: 46px; }
  .hang-up .round { inline-size: 56px; }
}
@media (prefers-reduced-motion: no-preference) {
  .surface { animation: rise 220ms cubic-bezier(0.2, 0, 0, 1); }
  @keyframes rise { from { transform: translateY(16px); opacity: 0; } }
}
@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after { animation: none !important; transition: none !important; }
}
@media (forced-colors: active) {
  button, .badge, .switch input { border: 1px solid; }
  .meter span.on, .switch input::before { forced-color-adjust: none; background: CanvasText; }
}
`;

/** @type {CSSStyleSheet | null} one sheet for all buttons of a page */
let sheet = null;

/** @returns {CSSStyleSheet} */
export function styleSheet() {
  if (sheet) return sheet;
  sheet = new CSSStyleSheet();
  sheet.replaceSync(BASE + SURFACES + LIVE + CHAT + CIRCUMSTANCES);
  return sheet;
}
