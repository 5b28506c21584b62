// @ts-check
/** Proofs (C2SP tlog-proof): the path from a leaf to the root that the ledger signed (RFC 9162, 2.1.3.2). */

import { sha256 } from "@noble/hashes/sha2.js";
import { decodeBase64, decodeDecimal, joined, sameBytes, utf8 } from "./encoding.js";
import { HASH_BYTES } from "./notes.js";
import { require } from "./refusal.js";

/** @typedef {import("./signers.js").Checkpoint} Checkpoint */

const PROOF_LIMIT_CHARACTERS = 1_000_000;
const FIRST_LINE = "c2sp.org/tlog-proof@v1";
const MAX_HASHES = 63; // no tree of fewer than 2^63 leaves is higher

/**
 * The checkpoint under which the leaf is proven to be in the ledger.
 * @param {string} leaf  ASCII
 * @param {string} text
 * @param {(note: string) => Promise<Checkpoint>} open  a checkpoint whose signatures are good
 */
export async function verifyProof(leaf, text, open) {
  const { index, hashes, note } = parseProof(text);
  const checkpoint = await open(note);
  requireInclusion(sha256(joined(Uint8Array.of(0), utf8(leaf))), index, hashes, checkpoint);
  return checkpoint;
}

/** @param {string} text */
function parseProof(text) {
  require(text.length <= PROOF_LIMIT_CHARACTERS, "proof.long");
  const border = text.indexOf("\n\n");
  const [first, ...lines] = text.slice(0, Math.max(border, 0)).split("\n");
  require(border >= 0 && first === FIRST_LINE, "proof.version");
  // An extra line proves nothing, no part of a proof authenticates it: it is read and ignored.
  if (lines[0]?.startsWith("extra ")) require(decodeBase64(lines.shift()?.slice(6) ?? ""), "proof.line");
  const line = lines.shift() ?? "";
  const index = line.startsWith("index ") ? decodeDecimal(line.slice(6)) : null;
  const hashes = lines.map(decodeBase64).filter((hash) => hash?.length === HASH_BYTES);
  require(index !== null && hashes.length === lines.length && lines.length <= MAX_HASHES, "proof.line");
  return { index, hashes: /** @type {Uint8Array[]} */ (hashes), note: text.slice(border + 2) };
}

/**
 * @param {Uint8Array} leafHash
 * @param {bigint} index
 * @param {readonly Uint8Array[]} hashes
 * @param {Checkpoint} checkpoint
 */
function requireInclusion(leafHash, index, hashes, { size, root }) {
  require(index < size, "proof.malformed");
  let [position, last, current] = [index, size - 1n, leafHash];
  for (const sibling of hashes) {
    require(last !== 0n, "proof.path_long");
    if (position & 1n || position === last) {
      current = nodeHash(sibling, current);
      while (!(position & 1n) && position) [position, last] = [position >> 1n, last >> 1n];
    } else {
      current = nodeHash(current, sibling);
    }
    [position, last] = [position >> 1n, last >> 1n];
  }
  require(last === 0n && sameBytes(current, root), "proof.not_in_tree");
}

/** @param {Uint8Array} left @param {Uint8Array} right */
function nodeHash(left, right) {
  return sha256(joined(Uint8Array.of(1), left, right));
}
