// @ts-check
/** Showing a screen, a window or a tab: whether it can be done here, and opening it. */

/** @type {DisplayMediaStreamOptions} */
const SCREEN = {
  // Text stays sharp at any rate; beyond fifteen pictures a second only the network notices.
  video: { width: { max: 1920 }, height: { max: 1200 }, frameRate: { ideal: 15, max: 30 } },
  audio: false, // the sound of a computer holds the other side's voice: they would hear themselves
};

/** The browser's words for "no" and ours. */
const WHY = new Map([
  ["NotAllowedError", "refused"],
  ["SecurityError", "refused"],
  ["NotFoundError", "failed"],
  ["NotReadableError", "failed"],
  ["AbortError", "failed"],
]);

/** A screen that is not shown. */
export class DisplayFailure extends Error {
  /**
   * @param {"unsupported" | "refused" | "blocked" | "failed"} code  refused: by the person, who chose nothing; blocked: by
   *   the system or the page's policy, whatever the person chooses
   * @param {unknown} [cause]
   */
  constructor(code, cause) {
    super(`no screen is shown: ${code}`, { cause });
    this.code = code;
  }
}

/** Phones have no such thing. */
export function canShare() {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

/**
 * Let the person choose what to show. To be called from a press.
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DisplayFailure}
 */
export async function openDisplay() {
  if (!canShare()) throw new DisplayFailure("unsupported");
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia(SCREEN);
    const [track] = stream.getVideoTracks();
    track.contentHint = "detail";
    return track;
  } catch (cause) {
    throw new DisplayFailure(whyNot(cause), cause);
  }
}

/** @param {unknown} cause */
function whyNot(cause) {
  if (!(cause instanceof DOMException)) return "failed";
  // Chrome on a Mac whose privacy settings forbid it, and in a frame that may not: no choice was offered.
  if (/system|permissions policy/i.test(cause.message)) return "blocked";
  return /** @type {"refused" | "failed"} */ (WHY.get(cause.name) ?? "failed");
}
