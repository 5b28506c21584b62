// @ts-check
/** Whether the call is recorded, as the vault tells it, and the visitor's way to stop that. */

/**
 * @typedef {object} RecordedState
 * @property {string | null} recording as the vault told last; null: as agreed
 * @property {"erase" | "keep" | null} onWithdrawal what becomes of what was recorded; null: not known
 * @property {boolean} withdrawalTrouble it stopped, but the vault could not confirm it
 */

export class Recorded {
  /** @type {RecordedState} */
  state = { recording: null, onWithdrawal: null, withdrawalTrouble: false };
  #api;
  #callId;
  #changed;

  /**
   * @param {import("./api.js").VaultApi} api
   * @param {string} callId
   * @param {(state: RecordedState) => void} changed
   */
  constructor(api, callId, changed) {
    this.#api = api;
    this.#callId = callId;
    this.#changed = changed;
  }

  /** @param {import("./events.js").Told} told */
  hear({ type, data }) {
    if (type === "hello" && this.state.onWithdrawal) void this.lookUp(); // the vault was away, or we were
    if (type === "call.recording_changed") this.#heed(data.state);
  }

  /** What becomes of the recording when the visitor stops it: told before they do. */
  async lookUp() {
    const { recording } = (await this.#api.call(this.#callId).catch(() => null)) ?? {};
    if (recording) this.#heed(recording.state, recording.on_withdrawal);
  }

  /** Nothing more is recorded, and the call goes on. */
  async withdraw() {
    try {
      const { state, recorded } = await this.#api.withdraw(this.#callId);
      this.#heed(state, recorded);
    } catch {
      this.#update({ withdrawalTrouble: true });
    }
  }

  /**
   * A withdrawal that could not be confirmed is, once the vault tells of it.
   * @param {string} recording
   * @param {"erase" | "keep" | null} [onWithdrawal]
   */
  #heed(recording, onWithdrawal = this.state.onWithdrawal) {
    const withdrawalTrouble = this.state.withdrawalTrouble && recording !== "withdrawn";
    this.#update({ recording, onWithdrawal, withdrawalTrouble });
  }

  /** @param {Partial<RecordedState>} change */
  #update(change) {
    this.state = { ...this.state, ...change };
    this.#changed(this.state);
  }
}
