// @ts-check
/** How this browser connects in a call: through which relays, and whether through them alone. */

import { api } from "./api.js";

const GOOD_MS = 5 * 60_000; // half of the shortest life that the vault may give a relay's credential

/** @type {{callId: string, untilMs: number, told: Promise<RTCConfiguration>} | null} of the last call */
let kept = null;

/**
 * @param {string} callId
 * @returns {Promise<RTCConfiguration>}
 * @throws {import("./api.js").Problem}
 */
export async function iceOf(callId) {
  if (kept?.callId !== callId || performance.now() > kept.untilMs) {
    kept = { callId, untilMs: performance.now() + GOOD_MS, told: ask(callId) };
    kept.told.catch(() => (kept = null)); // the next connection asks again
  }
  return kept.told;
}

/** @param {string} callId */
async function ask(callId) {
  const { body } = await api("GET", `/v1/calls/${callId}/ice-servers`);
  return { iceServers: body.ice_servers, iceTransportPolicy: body.ice_transport_policy };
}
