// @ts-check
/** Plays the other side. Apart from the panel, so that drawing it anew cuts nobody off. */

export class Loudspeaker {
  /** @type {Map<string, HTMLAudioElement>} */
  #sounds = new Map();
  #speakerId = "";
  #blocked;

  /** @param {(blocked: boolean) => void} blocked told when the browser wants a press before it plays, and after it */
  constructor(blocked) {
    this.#blocked = blocked;
  }

  /** Whether the visitor can choose where it sounds. */
  static get canChoose() {
    return "setSinkId" in HTMLMediaElement.prototype;
  }

  /**
   * Plays exactly these.
   * @param {readonly {id: string, stream: MediaStream}[]} others
   */
  play(others) {
    const wanted = new Set(others.map(({ id }) => id));
    for (const [id, sound] of this.#sounds) {
      if (wanted.has(id)) continue;
      sound.srcObject = null;
      this.#sounds.delete(id);
    }
    for (const { id, stream } of others) {
      const sound = this.#sounds.get(id) ?? new Audio();
      if (this.#sounds.has(id) && sound.srcObject === stream) continue;
      this.#sounds.set(id, sound);
      sound.srcObject = stream;
      void this.#direct(sound);
      void this.#start(sound);
    }
  }

  /** To be called from a press. */
  async unblock() {
    this.#blocked(false);
    await Promise.all([...this.#sounds.values()].map((sound) => this.#start(sound)));
  }

  /** @param {string} deviceId */
  async use(deviceId) {
    this.#speakerId = deviceId;
    await Promise.all([...this.#sounds.values()].map((sound) => this.#direct(sound)));
  }

  close() {
    this.play([]);
  }

  /** @param {HTMLAudioElement} sound */
  async #start(sound) {
    try {
      await sound.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#blocked(true);
    }
  }

  /** @param {HTMLAudioElement} sound */
  async #direct(sound) {
    try {
      if (this.#speakerId) await sound.setSinkId(this.#speakerId);
    } catch {
      // Pulled out meanwhile: the browser goes on with the one it was using.
    }
  }
}
