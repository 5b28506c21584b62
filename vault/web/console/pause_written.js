// @ts-check
/** Whether a pause would hold over a restart of the vault: where not, it is asked again until it would. */

import { api } from "./api.js";

const AGAIN_MS = 3000; // the vault itself tries each second, as soon as its database answers

/** @typedef {{id: string, begun_at: string, durable: boolean}} Pause  as the vault answers */

/**
 * @param {import("./call.js").Call} call
 * @param {() => void} changed
 */
export function pauseWritten(call, changed) {
  let owed = ""; // the pause that is not written yet
  /** @type {ReturnType<typeof setTimeout> | undefined} */ let timer;
  const isOwed = () => owed !== "" && call.recording?.pause?.id === owed;
  const ask = async () => {
    if (!isOwed()) return; // it ended meanwhile: asking would begin another one
    try {
      const { body } = await api("POST", `/v1/calls/${call.id}/pauses`); // the same pause, as long as it goes on
      hear(body);
    } catch {
      timer = setTimeout(ask, AGAIN_MS);
    }
  };
  const hear = (/** @type {Pause} */ { id, durable }) => {
    clearTimeout(timer);
    owed = durable ? "" : id;
    if (owed) timer = setTimeout(ask, AGAIN_MS);
    changed();
  };
  return { hear, isOwed, close: () => clearTimeout(timer) };
}
