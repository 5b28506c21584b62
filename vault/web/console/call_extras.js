// @ts-check
/** What features add to the call screen: each is a module of its own, named here and nowhere else. */

import { about } from "./call_about.js";
import { asking } from "./call_asking.js";
import { chat } from "./call_chat.js";
import { muted } from "./call_muted.js";
import { notes } from "./call_notes.js";
import { recording } from "./call_recording.js";
import { sharing } from "./call_sharing.js";
import { lineQuality } from "./line_quality.js";

/**
 * A feature's places on the screen; what it does not need it leaves out.
 * @typedef {object} Extra
 * @property {HTMLElement} [banner]  above the pictures: what must not be missed
 * @property {import("./call_controls.js").Control | import("./call_controls.js").Control[]} [control]  in the row of controls
 * @property {HTMLElement} [section]  in the column beside the pictures (made by `section`)
 * @property {() => void} [reflect]  told twice a second and after every change
 * @property {() => void} [close]
 */
/** @typedef {(screen: import("./call_screen.js").CallScreen) => Extra} Feature */

/** @type {readonly Feature[]} in the order in which they are shown */
const FEATURES = Object.freeze([recording, lineQuality, muted, sharing, asking, about, chat, notes]);

/** @param {import("./call_screen.js").CallScreen} screen */
export function extrasOf(screen) {
  const extras = FEATURES.map((feature) => feature(screen));
  return {
    banners: extras.flatMap(({ banner }) => banner ?? []),
    controls: extras.flatMap(({ control }) => control ?? []),
    sections: extras.flatMap(({ section }) => section ?? []),
    reflect: () => extras.forEach((extra) => extra.reflect?.()),
    close: () => extras.forEach((extra) => extra.close?.()),
  };
}
