// @ts-check
/** What every peer connection with the vault does alike, whether it publishes (WHIP) or watches (WHEP). */

/** What the vault records and forwards without a decoder, best first. Other codecs stay offered behind them. */
const PREFERRED = Object.freeze({ audio: ["audio/opus"], video: ["video/VP8", "video/H264"] });

/** A connection that did not come about, or was given up. */
export class ConnectionFailure extends Error {
  /** @param {"failed" | "timeout" | "cancelled"} code */
  constructor(code) {
    super(`the connection did not come about: ${code}`);
    this.code = code;
  }
}

/**
 * Put the codecs the vault takes first in the offer.
 * @param {RTCRtpTransceiver} transceiver
 * @param {"audio" | "video"} kind
 */
export function preferCodecs(transceiver, kind) {
  const offered = RTCRtpReceiver.getCapabilities?.(kind)?.codecs;
  if (!offered || !transceiver.setCodecPreferences) return;
  const rank = (/** @type {{mimeType: string}} */ codec) => {
    const at = PREFERRED[kind].findIndex((name) => name.toLowerCase() === codec.mimeType.toLowerCase());
    return at < 0 ? PREFERRED[kind].length : at;
  };
  transceiver.setCodecPreferences([...offered].sort((one, other) => rank(one) - rank(other)));
}

/**
 * Wait until the candidates are known, or for as long as it is worth waiting.
 * @param {RTCPeerConnection} connection
 * @param {number} limitMs
 * @returns {Promise<void>}
 */
export function gathered(connection, limitMs) {
  return new Promise((resolve) => {
    const done = () => {
      if (connection.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(resolve, limitMs);
    connection.addEventListener("icegatheringstatechange", done);
    done();
  });
}

/**
 * Wait until media can flow.
 * @param {RTCPeerConnection} connection
 * @param {number} limitMs
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 * @throws {ConnectionFailure}
 */
export function connected(connection, limitMs, signal) {
  return new Promise((resolve, reject) => {
    const settle = (/** @type {() => void} */ outcome) => {
      clearTimeout(timer);
      connection.removeEventListener("connectionstatechange", look);
      signal.removeEventListener("abort", aborted);
      outcome();
    };
    const refuse = (/** @type {"failed" | "timeout" | "cancelled"} */ code) =>
      settle(() => reject(new ConnectionFailure(code)));
    const look = () => {
      if (connection.connectionState === "connected") settle(resolve);
      if (["failed", "closed"].includes(connection.connectionState)) refuse("failed");
    };
    const aborted = () => refuse("cancelled");
    const timer = setTimeout(() => refuse("timeout"), limitMs);
    connection.addEventListener("connectionstatechange", look);
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
    else look();
  });
}

/**
 * An SDP fragment (RFC 8840, 9) that carries the candidates under the m-line they belong to.
 * @param {string} sdp the local description
 * @param {RTCIceCandidate[]} candidates
 */
export function sdpFragment(sdp, candidates) {
  const line = (/** @type {string} */ start) => sdp.split("\r\n").find((one) => one.startsWith(start)) ?? "";
  const medias = sdp.split("\r\n").filter((one) => one.startsWith("m="));
  const fragment = [line("a=ice-ufrag:"), line("a=ice-pwd:")];
  for (const [index, media] of medias.entries()) {
    const own = candidates.filter(({ sdpMLineIndex }) => sdpMLineIndex === index);
    if (!own.length) continue;
    fragment.push(media, `a=mid:${own[0].sdpMid}`, ...own.map(({ candidate }) => `a=${candidate}`));
  }
  return [...fragment, ""].join("\r\n");
}
