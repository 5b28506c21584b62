// @ts-check
/** Texts with one spelling only: base64, decimals, names, and JSON whose names are not repeated. */

const DECIMAL = /^(?:0|[1-9][0-9]{0,18})$/;
const PRINTABLE = /^[^\p{C}\p{Z}]+$/u;
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s"{}[\]:,]+/g;

/** @param {string} text */
export const utf8 = (text) => new TextEncoder().encode(text);

/**
 * The bytes, or null unless the text is exactly their base64 with padding (RFC 4648, section 4).
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer> | null}
 */
export function decodeBase64(text) {
  try {
    const binary = atob(text);
    // A lenient decoder takes several spellings of the same bytes; we take one.
    return btoa(binary) === text ? Uint8Array.from(binary, (one) => one.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}

/** ASCII digits without leading zeros, below 10^19, else null. @param {string} text */
export function decodeDecimal(text) {
  return DECIMAL.test(text) ? BigInt(text) : null;
}

/** @param {Uint8Array} bytes */
export function hex(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Uint8Array} one @param {Uint8Array} other */
export function sameBytes(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** @param {...Uint8Array} parts */
export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A number as eight bytes, the highest first. @param {bigint} value */
export function eightBytes(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

/** Every character shows, the plain space among them. @param {string} text */
export function isPrintable(text) {
  return PRINTABLE.test(text.replaceAll(" ", "_"));
}

/** Printable ASCII, or nothing. @param {string} text */
export function isPlainAscii(text) {
  return /^[\x20-\x7e]*$/.test(text);
}

/**
 * Reads JSON that everybody reads alike: no name twice in an object, no number but whole ones.
 * @param {string} text
 * @returns {unknown} undefined if it is not that
 */
export function parseOneWay(text) {
  try {
    const parsed = JSON.parse(text);
    return isOneWay(text) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} text  valid JSON */
function isOneWay(text) {
  /** @type {(Set<string> | null)[]} the names so far of each open object; null for a list */
  const open = [];
  let before = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token[0] === '"' && (before === "{" || before === ",")) {
      const names = open.at(-1);
      const name = JSON.parse(token);
      if (names?.has(name)) return false;
      names?.add(name);
    } else if (/^[-0-9]/.test(token) && !/^-?[0-9]+$/.test(token)) return false;
    before = token;
  }
  return true;
}
