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

const KEPT = "callvault.devices"; // in this tab alone, and gone with it

/** @typedef {"audio" | "video"} Kind */
/** @typedef {"user" | "environment"} Facing  which camera of a phone: the one towards its owner, or away */

/** What was chosen last in this tab. @returns {Partial<Record<Kind | "speaker", string>>} device ids */
export function preferred() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
  } catch {
    return {}; // a browser that keeps nothing: each call begins with the system's own choice
  }
}

/** Remember a choice for the calls that follow. @param {Partial<Record<Kind | "speaker", string>>} change */
export function prefer(change) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ ...preferred(), ...change }));
  } catch {
    // As above.
  }
}

/** A device that did not open. */
export class DeviceFailure extends Error {
  /** @param {string} code  denied, missing, busy, insecure or unknown @param {unknown} [cause] */
  constructor(code, cause) {
    super(`the device did not open: ${code}`, { cause });
    this.code = code;
  }
}

/**
 * What was chosen for this call, else what was chosen last, as long as it is plugged in.
 * @param {{audio?: boolean, video?: boolean}} wish
 * @param {Partial<Record<Kind, string>>} [chosen]  device ids: these, or none; an empty one leaves it to the browser
 * @param {Facing | ""} [facing]  for a camera that was not chosen
 * @returns {Promise<MediaStream>}
 * @throws {DeviceFailure}
 */
export async function openDevices(wish, chosen = {}, facing = "") {
  try {
    return await capture(wish, { ...preferred(), ...chosen }, facing);
  } catch (caught) {
    if (!(caught instanceof DeviceFailure) || caught.code !== "missing") throw caught;
    return capture(wish, chosen, facing);
  }
}

/**
 * @param {{audio?: boolean, video?: boolean}} wish
 * @param {Partial<Record<Kind, string>>} ids
 * @param {Facing | ""} facing
 */
async function capture({ audio = false, video = false }, ids, facing) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DeviceFailure("insecure");
  const one = (/** @type {Kind} */ kind, /** @type {MediaTrackConstraints} */ wanted) =>
    ids[kind] ? { ...wanted, deviceId: { exact: ids[kind] } } : wanted;
  const camera = facing ? { ...CAMERA, facingMode: facing } : CAMERA;
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: audio && one("audio", MICROPHONE),
      video: video && one("video", camera),
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
