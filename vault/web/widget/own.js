// @ts-check
/** The visitor's own microphone and camera during a call: muted, off, another one, the other way round. */

import { CallFailure } from "./api.js";
import { closeDevices, DEVICE_FAILURES, openCamera, openMicrophone } from "./media.js";

/** @typedef {import("./media.js").Facing} Facing */
/**
 * @typedef {object} OwnState
 * @property {MediaStream | null} stream what is sent
 * @property {boolean} muted
 * @property {boolean} cameraOn
 * @property {Facing} facing
 * @property {string | null} cameraTrouble why the camera did not open, where it was asked for last
 */

export class OwnDevices {
  /** @type {OwnState} */
  state = { stream: null, muted: false, cameraOn: false, facing: "user", cameraTrouble: null };
  #changed;
  #publish;
  /** @type {string | undefined} */
  #cameraId;
  #turn = 0; // of opening a camera: what opens late and is no longer wanted is shut

  /**
   * @param {(state: OwnState) => void} changed
   * @param {(kind: "audio" | "video", track: MediaStreamTrack | null) => Promise<void>} publish
   */
  constructor(changed, publish) {
    this.#changed = changed;
    this.#publish = publish;
  }

  /**
   * @param {MediaStream} stream freshly opened
   * @param {boolean} video
   */
  take(stream, video) {
    this.#update({ stream, cameraOn: video, muted: false, facing: "user", cameraTrouble: null });
  }

  /**
   * What was opened before the call, if it is still good and holds what is wanted.
   * @param {boolean} video
   * @returns {MediaStream | null}
   */
  checked(video) {
    const { stream, cameraOn } = this.state;
    const tracks = stream?.getTracks() ?? [];
    const isGood = tracks.length === (video ? 2 : 1) && tracks.every(({ readyState }) => readyState === "live");
    if (isGood && cameraOn === video) return stream;
    closeDevices(stream);
    return null;
  }

  /** @param {boolean} muted */
  mute(muted) {
    for (const track of this.state.stream?.getAudioTracks() ?? []) track.enabled = !muted;
    this.#update({ muted });
  }

  /**
   * Off releases the camera, light included; on opens it anew.
   * @param {boolean} on
   */
  async switchCamera(on) {
    if (!this.state.stream || on === this.state.cameraOn) return;
    this.#update({ cameraOn: on, cameraTrouble: null });
    if (on) return this.#openCamera();
    this.#shutCamera();
    await this.#publish("video", null);
  }

  /** Phones have a camera on either side; most open only one at a time. */
  async flip() {
    const before = this.state.facing;
    this.#cameraId = undefined;
    this.#update({ facing: before === "user" ? "environment" : "user" });
    await this.#openCamera(() => this.#update({ facing: before }));
  }

  /** @param {string} deviceId */
  async useCamera(deviceId) {
    const before = this.#cameraId;
    this.#cameraId = deviceId;
    if (this.state.cameraOn) await this.#openCamera(() => (this.#cameraId = before));
  }

  /** @param {string} deviceId if it does not open, the one in use stays */
  async useMicrophone(deviceId) {
    const { stream } = this.state;
    const track = await openMicrophone(deviceId).catch(() => null);
    if (!track || !stream || stream !== this.state.stream) return track?.stop();
    for (const old of stream.getAudioTracks()) {
      old.stop();
      stream.removeTrack(old);
    }
    track.enabled = !this.state.muted;
    stream.addTrack(track);
    await this.#publish("audio", track);
    this.#update({});
  }

  /** The camera's light must not outlive the decision. */
  close() {
    this.#turn += 1;
    closeDevices(this.state.stream);
    this.state = { ...this.state, stream: null };
  }

  /**
   * @param {() => void} [undo] if it does not open: the way back to the one before
   */
  async #openCamera(undo) {
    this.#shutCamera();
    const turn = (this.#turn += 1);
    try {
      await this.#send(await this.#wanted(), turn);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#shutCamera(); // it opened, and cannot be sent: its light goes out
      undo?.();
      const before = undo ? await this.#wanted().catch(() => null) : null;
      if (before) return this.#send(before, turn);
      if (turn === this.#turn) this.#update({ cameraOn: false, cameraTrouble: troubleOf(error) });
    }
  }

  #wanted() {
    return openCamera({ deviceId: this.#cameraId, facing: this.state.facing });
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {number} turn
   */
  async #send(track, turn) {
    const { stream, cameraOn } = this.state;
    if (turn !== this.#turn || !stream || !cameraOn) return track.stop();
    stream.addTrack(track);
    await this.#publish("video", track);
    this.#update({});
  }

  #shutCamera() {
    const { stream } = this.state;
    for (const track of stream?.getVideoTracks() ?? []) {
      track.stop();
      stream?.removeTrack(track);
    }
  }

  /** @param {Partial<OwnState>} change */
  #update(change) {
    this.state = { ...this.state, ...change };
    this.#changed(this.state);
  }
}

/** @param {unknown} error */
function troubleOf(error) {
  const code = error instanceof CallFailure ? error.code : "";
  return DEVICE_FAILURES.includes(code) ? code : "media_unknown";
}
