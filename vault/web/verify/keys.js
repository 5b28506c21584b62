// @ts-check
/** The keys as a person hands them over: a line each, or the vault's own answer `{"keys": […]}`. */

import { require } from "./refusal.js";
import { parseVerifier } from "./signers.js";

export const KEYS_LIMIT_BYTES = 100_000; // a pair of keys has about 2,000

/**
 * @param {string} text
 * @returns {import("./signers.js").Verifier[]}
 */
export function readKeys(text) {
  require(text.length <= KEYS_LIMIT_BYTES, "key.long");
  const lines = linesOf(text.trim()).map((line) => line.trim());
  const keys = lines.filter((line) => line && !line.startsWith("#"));
  require(keys.length, "key.none");
  return keys.map(parseVerifier);
}

/** @param {string} text */
function linesOf(text) {
  if (!text.startsWith("{")) return text.split(/\r?\n|\r/);
  try {
    const { keys } = JSON.parse(text);
    if (Array.isArray(keys) && keys.every((key) => typeof key === "string")) return keys;
  } catch {
    // no JSON either
  }
  return [text];
}
