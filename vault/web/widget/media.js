// @ts-check
/** Microphone and camera: opening them, why it did not work, and closing them for certain. */

import { CallFailure } from "./api.js";

/** @typedef {"user" | "environment"} Facing  which camera of a phone: the one towards its owner, or away */

/** @type {MediaTrackConstraints} */
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** @type {MediaTrackConstraints} */
const CAMERA = {
  facingMode: "user",
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30, max: 30 },
};

/** The browser's words for "no" and ours. Both names of a row have been seen in the field. */
const WHY = new Map([
  ["NotAllowedError", "media_denied"],
  ["SecurityError", "media_denied"],
  ["NotFoundError", "media_missing"],
  ["OverconstrainedError", "media_missing"],
  ["NotReadableError", "media_busy"],
  ["AbortError", "media_busy"],
]);

/** The failures after which trying again, or with sound alone, is a sensible choice. */
export const DEVICE_FAILURES = Object.freeze(["media_denied", "media_missing", "media_busy"]);

/**
 * @param {{video: boolean}} wish
 * @returns {Promise<MediaStream>}
 * @throws {CallFailure} with a `media_` code
 */
export async function openDevices({ video }) {
  if (!navigator.mediaDevices?.getUserMedia) throw new CallFailure("media_insecure");
  return capture({ audio: MICROPHONE, video: video && CAMERA });
}

/**
 * A camera alone: to come back after it was switched off, or another one.
 * @param {{deviceId?: string, facing?: Facing}} [wish]
 * @returns {Promise<MediaStreamTrack>}
 * @throws {CallFailure} with a `media_` code
 */
export async function openCamera({ deviceId, facing } = {}) {
  const { facingMode: _anyFacing, ...shape } = CAMERA;
  const which = deviceId ? { ...shape, deviceId: { exact: deviceId } } : { ...CAMERA, facingMode: facing ?? "user" };
  const stream = await capture({ video: which });
  return stream.getVideoTracks()[0];
}

/**
 * @param {string} deviceId
 * @returns {Promise<MediaStreamTrack>}
 * @throws {CallFailure} with a `media_` code
 */
export async function openMicrophone(deviceId) {
  const stream = await capture({ audio: { ...MICROPHONE, deviceId: { exact: deviceId } } });
  return stream.getAudioTracks()[0];
}

/** @typedef {Record<"audioinput" | "videoinput" | "audiooutput", {id: string, label: string}[]>} DeviceList */

/**
 * The devices to choose from. Browsers name them once one of them may be used.
 * @returns {Promise<DeviceList>}
 */
export async function listDevices() {
  /** @type {DeviceList} */
  const list = { audioinput: [], videoinput: [], audiooutput: [] };
  for (const { kind, deviceId, label } of await navigator.mediaDevices.enumerateDevices()) {
    if (deviceId && label) list[kind].push({ id: deviceId, label });
  }
  return list;
}

/** @param {MediaStreamConstraints} constraints */
async function capture(constraints) {
  try {
    return await navigator.mediaDevices.getUserMedia(constraints);
  } catch (cause) {
    const name = cause instanceof DOMException ? cause.name : "";
    if (name === "NotAllowedError" && isForbiddenHere(constraints)) throw new CallFailure("media_policy", { cause });
    throw new CallFailure(WHY.get(name) ?? "media_unknown", { cause });
  }
}

/**
 * Whether the page, or the frame it is in, forbids the device to everybody: no setting of the visitor changes that.
 * Only some browsers tell.
 * @param {MediaStreamConstraints} constraints
 */
function isForbiddenHere({ audio, video }) {
  const policy = /** @type {any} */ (document).featurePolicy;
  const forbids = (/** @type {string} */ name) => policy?.allowsFeature?.(name) === false;
  return Boolean((audio && forbids("microphone")) || (video && forbids("camera")));
}

/**
 * Stops every track, so the browser's camera light goes out.
 * @param {MediaStream | null} stream
 */
export function closeDevices(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
