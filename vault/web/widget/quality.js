// @ts-check
/** Whether a connection is so bad that people notice, from what the browser counts anyway. */

const LOST_SHARE = 0.08; // speech begins to break up at 5 to 10 % (ITU-T G.113, Opus with loss concealment)
const ROUND_TRIP_S = 0.8; // people begin to talk over each other (ITU-T G.114: 400 ms one way)

/** @typedef {{lost: number, received: number}} Count */

/**
 * Looks at one call: it remembers the last count of each incoming stream, to tell what was lost since.
 */
export class QualityWatch {
  /** @type {Map<string, Count>} */
  #before = new Map();

  /**
   * @param {RTCStatsReport} report of a connection, asked every few seconds
   * @returns {boolean}
   */
  isWeak(report) {
    let weak = false;
    report.forEach((one) => {
      if (one.type === "remote-inbound-rtp") weak ||= isSlow(one) || (one.fractionLost ?? 0) > LOST_SHARE;
      if (one.type === "inbound-rtp" && this.#lostShare(one) > LOST_SHARE) weak = true;
    });
    return weak;
  }

  /** @param {{id: string, ssrc: number, packetsLost?: number, packetsReceived?: number}} stream */
  #lostShare({ id, ssrc, packetsLost: lost = 0, packetsReceived: received = 0 }) {
    const key = `${id} ${ssrc}`;
    const last = this.#before.get(key) ?? { lost, received };
    this.#before.set(key, { lost, received });
    const expected = lost - last.lost + received - last.received;
    return expected > 0 ? (lost - last.lost) / expected : 0;
  }
}

/** @param {{roundTripTime?: number}} stream */
function isSlow({ roundTripTime = 0 }) {
  return roundTripTime > ROUND_TRIP_S;
}
