// @ts-check
/** The line on every page of a company that leaves: until when, in the reader's own time zone. */

import { byId } from "./dom.js";
import { day, t } from "./words.js";

/** @param {{state: string, ends_at?: string | null, waits_for?: string | null} | null} exit  null: it stays */
export function showBar(exit) {
  const bar = byId("leaving-bar");
  bar.hidden = !exit;
  if (!exit) return;
  const ready = exit.waits_for ? "bar.waiting" : "bar.ready";
  const date = exit.ends_at ? day(exit.ends_at) : "";
  const [sentence] = bar.children;
  sentence.textContent = t(exit.state === "ready" ? ready : "bar.exporting", { date });
}
