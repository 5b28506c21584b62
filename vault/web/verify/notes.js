// @ts-check
/** Signed checkpoints (C2SP signed-note, tlog-checkpoint): nothing of a note counts before its signatures do. */

import { decodeBase64, decodeDecimal, hex, isPrintable, utf8 } from "./encoding.js";
import { require } from "./refusal.js";
import { isName, KEY_ID_BYTES, verifySignature } from "./signers.js";

/** @typedef {import("./signers.js").Checkpoint} Checkpoint */
/** @typedef {import("./signers.js").Verifier} Verifier */

export const HASH_BYTES = 32;
const NOTE_LIMIT_BYTES = 1_000_000;
const MAX_SIGNATURES = 100;
const MARK = "\u2014 ";
const NO_TREE_IS_LARGER = 1n << 63n;

/**
 * The checkpoint, if every verifier has signed it and one of them bears its origin's name. Lines by other keys are
 * ignored; a line by a known key that does not verify makes the whole note invalid.
 * @param {string} note
 * @param {readonly Verifier[]} verifiers
 * @returns {Promise<Checkpoint>}
 */
export async function openCheckpoint(note, verifiers) {
  const { text, signatures } = parseNote(note);
  require(verifiers.length, "note.no_key");
  for (const { name, keyId, ...rest } of verifiers) {
    const known = signatures.filter((one) => one.name === name && one.keyId === keyId);
    require(known.length, "note.unsigned", { key: `${name}+${keyId}` });
    for (const { signature } of known) {
      const isValid = await verifySignature({ name, keyId, ...rest }, text, signature, parseCheckpoint);
      require(isValid, "note.signature", { key: `${name}+${keyId}` });
    }
  }
  const checkpoint = parseCheckpoint(text);
  const isNamed = verifiers.some(({ name }) => name === checkpoint.origin);
  require(isNamed, "note.other_ledger", { origin: checkpoint.origin });
  return checkpoint;
}

/**
 * @param {string} text  exactly origin, size and root, a line each: the ML-DSA-44 signature covers no more
 * @returns {Checkpoint}
 */
function parseCheckpoint(text) {
  const lines = text.split("\n");
  require(lines.length === 4 && lines[3] === "", "note.lines");
  const [origin, size, root] = [lines[0], decodeDecimal(lines[1]), decodeBase64(lines[2])];
  require(isPrintable(origin) && size !== null && size < NO_TREE_IS_LARGER, "note.malformed");
  require(root?.length === HASH_BYTES, "note.malformed");
  return { origin, size, root };
}

/** @param {string} note */
function parseNote(note) {
  require(isPlainText(note), "note.text");
  const border = note.lastIndexOf("\n\n"); // the last empty line divides
  require(border >= 0 && note.length > border + 2 && note.endsWith("\n"), "note.no_signature");
  const lines = note.slice(border + 2, -1).split("\n");
  require(lines.length <= MAX_SIGNATURES, "note.many");
  return { text: note.slice(0, border + 1), signatures: lines.map(parseSignature) };
}

/** No control character but the line feed, no lone surrogate. @param {string} note */
function isPlainText(note) {
  const isWhole = !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(note);
  return isWhole && !/[\0-\x09\x0b-\x1f]/.test(note) && utf8(note).length <= NOTE_LIMIT_BYTES;
}

/** @param {string} line */
function parseSignature(line) {
  const [name, ...rest] = line.slice(MARK.length).split(" ");
  const signed = decodeBase64(rest.join(" "));
  require(line.startsWith(MARK) && signed && signed.length > KEY_ID_BYTES && isName(name), "note.line");
  return { name, keyId: hex(signed.slice(0, KEY_ID_BYTES)), signature: signed.slice(KEY_ID_BYTES) };
}
