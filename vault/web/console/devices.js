// @ts-check
/** The agent's microphone and camera: opening them, why it did not work, choosing another. */

/** @type {MediaTrackConstraints} */
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** @type {MediaTrackConstraints} */
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };

/** The browser's words for "no" and ours. Both names of a row have been seen in the field. */
const WHY = new Map([
  ["NotAllowedError", "denied"],
  ["SecurityError", "denied"],
  ["NotFoundError", "missing"],
  ["OverconstrainedError", "missing"],
  ["NotReadableError", "busy"],
  ["AbortError", "busy"],
]);

/** @typedef {"audio" | "video"} Kind */

/** A device that did not open. */
export class DeviceFailure extends Error {
  /** @param {string} code  denied, missing, busy, insecure or unknown @param {unknown} [cause] */
  constructor(code, cause) {
    super(`the device did not open: ${code}`, { cause });
    this.code = code;
  }
}

/**
 * @param {{audio?: boolean, video?: boolean}} wish
 * @param {Partial<Record<Kind, string>>} [chosen]  device ids
 * @returns {Promise<MediaStream>}
 * @throws {DeviceFailure}
 */
export async function openDevices({ audio = false, video = false }, chosen = {}) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DeviceFailure("insecure");
  const one = (/** @type {Kind} */ kind, /** @type {MediaTrackConstraints} */ wanted) =>
    chosen[kind] ? { ...wanted, deviceId: { exact: chosen[kind] } } : wanted;
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: audio && one("audio", MICROPHONE),
      video: video && one("video", CAMERA),
    });
  } catch (cause) {
    const name = cause instanceof DOMException ? cause.name : "";
    throw new DeviceFailure(WHY.get(name) ?? "unknown", cause);
  }
}

/** What there is to choose from; names are known only once a device has been allowed. */
export async function listDevices() {
  const found = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const kind = (/** @type {MediaDeviceKind} */ wanted) => found.filter((device) => device.kind === wanted);
  return { audio: kind("audioinput"), video: kind("videoinput"), speaker: kind("audiooutput") };
}
