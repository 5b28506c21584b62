// @ts-check
/**
 * The states a visitor goes through, as a table. Nothing else moves a call.
 *
 * idle        the button waits
 * asking      the notice is read, recording accepted or refused
 * permission  the browser asks for microphone and camera
 * connecting  the media path is being set up
 * live        the visitor is heard (and seen)
 * ended       hung up by either side; says what was kept
 * failed      it did not work; says why
 */

/** @typedef {"idle" | "asking" | "permission" | "connecting" | "live" | "ended" | "failed"} State */

/** @type {Readonly<Record<State, readonly State[]>>} */
export const MOVES = Object.freeze({
  idle: ["asking"],
  asking: ["permission", "failed", "idle"],
  permission: ["connecting", "failed", "idle"],
  connecting: ["live", "failed", "idle"],
  live: ["ended", "failed"],
  ended: ["idle", "asking"],
  failed: ["idle", "asking"],
});

/** A move the table does not know: a fault in the widget, never of the visitor. */
export class IllegalMoveError extends Error {
  /**
   * @param {State} now
   * @param {State} to
   */
  constructor(now, to) {
    super(`a call cannot go from ${now} to ${to}`);
    this.name = "IllegalMoveError";
  }
}

/**
 * @param {State} now
 * @param {State} to
 * @returns {State}
 */
export function move(now, to) {
  if (!MOVES[now].includes(to)) throw new IllegalMoveError(now, to);
  return to;
}
