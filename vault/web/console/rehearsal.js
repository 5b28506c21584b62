// @ts-check
/** Microphone and camera before any call, for their owner alone: opened, looked at, chosen, shut. Nothing is sent. */

import { openDevices, prefer, preferred } from "./devices.js";

/** What `deviceChoices` takes (call_devices.js, Chooser). */
export class Rehearsal {
  wantsVideo = true;
  stream = new MediaStream();
  /** @type {Partial<Record<import("./devices.js").Kind, string>>} */ chosen = {};
  speaker = preferred().speaker ?? "";
  #isOver = false;

  /** @param {{video: boolean}} wish @throws {import("./devices.js").DeviceFailure} */
  async open({ video }) {
    this.wantsVideo = video;
    this.#take(await openDevices({ audio: true, video }, this.chosen));
  }

  /**
   * @param {import("./devices.js").Kind} kind
   * @param {string} deviceId
   * @throws {import("./devices.js").DeviceFailure}
   */
  async choose(kind, deviceId) {
    this.#take(await openDevices({ [kind]: true }, { [kind]: deviceId }));
    this.chosen[kind] = deviceId;
    prefer({ [kind]: deviceId });
  }

  changed() {}

  /** The camera's light goes out, also of what opens too late. */
  close() {
    this.#isOver = true;
    for (const track of this.stream.getTracks()) track.stop();
  }

  /** @param {MediaStream} opened  what is in use of the same kinds makes room */
  #take(opened) {
    for (const track of opened.getTracks()) {
      if (this.#isOver) {
        track.stop();
        continue;
      }
      for (const old of this.stream.getTracks().filter(({ kind }) => kind === track.kind)) {
        this.stream.removeTrack(old);
        old.stop();
      }
      this.stream.addTrack(track);
    }
  }
}
