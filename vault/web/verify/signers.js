// @ts-check
/**
 * The vault's public keys, and their signatures of a checkpoint (docs/FORMAT.md, Checkpoint).
 *
 * Ed25519 is the browser's own where it has one, else the vendored library's: what came over plain HTTP has no
 * WebCrypto. ML-DSA-44 and SHA-256 are the vendored library's.
 */

import * as ed25519 from "@noble/ed25519/index.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { ml_dsa44 as mlDsa44 } from "@noble/post-quantum/ml-dsa.js";
import { decodeBase64, eightBytes, hex, isPrintable, joined, utf8 } from "./encoding.js";
import { require } from "./refusal.js";

/** @typedef {{origin: string, size: bigint, root: Uint8Array}} Checkpoint */
/** @typedef {{name: string, keyId: string, kind: number, publicKey: Uint8Array<ArrayBuffer>}} Verifier  key id in hex */

export const KEY_ID_BYTES = 4;
export const ED25519 = 0x01;
export const ML_DSA_44 = 0x06;
const PUBLIC_KEY_BYTES = new Map([
  [ED25519, 32],
  [ML_DSA_44, 1312],
]);
const NAME_LIMIT_BYTES = 255; // a cosigned message gives a name's length in one byte
const TIMESTAMP_BYTES = 8;
const SHOWN_CHARACTERS = 40; // of a line that is no key

ed25519.hashes.sha512 = sha512;

/** A key may be called so: not empty, no space, plus sign or control. @param {string} name */
export function isName(name) {
  return isPrintable(name) && !/[ +]/.test(name) && utf8(name).length <= NAME_LIMIT_BYTES;
}

/**
 * The verifier of a "name+key id+key" line.
 * @param {string} line
 * @returns {Verifier}
 */
export function parseVerifier(line) {
  const shown = { line: line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}…` : line };
  const [name, keyId, ...rest] = line.split("+");
  const key = decodeBase64(rest.join("+"));
  const kind = key?.[0] ?? 0;
  require(key && PUBLIC_KEY_BYTES.get(kind) === key.length - 1 && isName(name), "key.unknown", shown);
  // The key id repeats a hash of the rest, so a slip of one character is noticed.
  const expected = sha256(joined(utf8(`${name}\n`), key)).slice(0, KEY_ID_BYTES);
  require(hex(expected) === keyId, "key.mistyped", shown);
  return { name, keyId, kind, publicKey: key.slice(1) };
}

/**
 * @param {Verifier} verifier
 * @param {string} text  the note's
 * @param {Uint8Array<ArrayBuffer>} signature  without key id
 * @param {(text: string) => Checkpoint} parse
 */
export async function verifySignature(verifier, text, signature, parse) {
  if (verifier.kind === ED25519) return verifyEd25519(verifier.publicKey, utf8(text), signature);
  const timestamp = signature.slice(0, TIMESTAMP_BYTES);
  const message = cosignedMessage(verifier.name, timestamp, parse(text));
  try {
    return mlDsa44.verify(signature.slice(TIMESTAMP_BYTES), message, verifier.publicKey);
  } catch {
    return false; // of another length, or no point of the scheme at all
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} publicKey
 * @param {Uint8Array<ArrayBuffer>} message
 * @param {Uint8Array<ArrayBuffer>} signature
 */
async function verifyEd25519(publicKey, message, signature) {
  try {
    const key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
  } catch {
    return verifyWithTheLibrary(publicKey, message, signature);
  }
}

/**
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} message
 * @param {Uint8Array} signature
 */
function verifyWithTheLibrary(publicKey, message, signature) {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false;
  }
}

/**
 * The `cosigned_message` of C2SP tlog-cosignature for a whole tree.
 * @param {string} signer
 * @param {Uint8Array} timestamp
 * @param {Checkpoint} checkpoint
 */
function cosignedMessage(signer, timestamp, checkpoint) {
  const name = utf8(signer);
  const origin = utf8(checkpoint.origin);
  require(origin.length <= NAME_LIMIT_BYTES, "note.malformed");
  return joined(
    utf8("subtree/v1\n\0"),
    Uint8Array.of(name.length),
    name,
    timestamp,
    Uint8Array.of(origin.length),
    origin,
    eightBytes(0n),
    eightBytes(checkpoint.size),
    checkpoint.root,
  );
}
