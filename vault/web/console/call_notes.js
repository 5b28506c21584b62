// @ts-check
/** One's own note, beside the pictures. */

import { section } from "./call_about.js";
import { notePanel } from "./note_panel.js";
import { t } from "./words.js";

/** @type {import("./call_extras.js").Feature} */
export function notes(screen) {
  const panel = notePanel(screen.call.id);
  return { section: section("note", t("note.title"), panel.element), close: () => panel.flush() };
}
