// @ts-check
/** Receipts (docs/FORMAT.md, Receipts): verified with nothing but keys that were pinned beforehand. */

import { hex, isPlainAscii, parseOneWay } from "./encoding.js";
import { openCheckpoint } from "./notes.js";
import { verifyProof } from "./proofs.js";
import { require } from "./refusal.js";

/** @typedef {import("./signers.js").Verifier} Verifier */
/** @typedef {import("./signers.js").Checkpoint} Checkpoint */
/** @typedef {Record<string, string | number | boolean>} Fields */
/** @typedef {{fields: Fields, checkpoint: Checkpoint}} ProvenEntry */
/** @typedef {{request: string, status: "pending" | "complete" | "final", entries: ProvenEntry[]}} Receipt */

export const RECEIPT_LIMIT_BYTES = 10_000_000;
export const SHREDDED = "object.shredded";
export const HELD = "erasure.held";
export const ENDED = "epoch.destroyed"; // the deployment's own entry: it names no request and no object
const LEAF_LIMIT_BYTES = 65_536;
const STATUSES = Object.freeze(["pending", "complete", "final"]);

/**
 * The receipt, if each of its entries is proven under a checkpoint that every verifier signed, and bears out what the
 * unsigned file says of itself; else a `Refusal`.
 * @param {Uint8Array} file
 * @param {readonly Verifier[]} verifiers
 * @returns {Promise<Receipt>}
 */
export async function verifyReceipt(file, verifiers) {
  require(file.length <= RECEIPT_LIMIT_BYTES, "receipt.long");
  const { request, status, entries } = membersOf(file);
  /** @type {ProvenEntry[]} */
  const proven = [];
  const open = openingOnce(verifiers);
  for (const entry of entries) proven.push(await prove(entry, open));
  requireOneStory(proven);
  requireBorneOut(request, status, proven);
  return { request, status, entries: proven };
}

/** @param {Uint8Array} file */
function membersOf(file) {
  const document = parseOneWay(textOf(file));
  require(document !== undefined, "receipt.json");
  require(hasExactly(document, "v", "request", "status", "entries") && document.v === 1, "receipt.version");
  const { request, status, entries } = document;
  require(typeof request === "string" && isPlainAscii(request), "receipt.request");
  require(STATUSES.includes(status), "receipt.status");
  require(Array.isArray(entries) && entries.length, "receipt.entries");
  return { request, status, entries };
}

/** @param {Uint8Array} file */
function textOf(file) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(file);
  } catch {
    return "";
  }
}

/**
 * @param {unknown} value
 * @param {...string} names
 * @returns {value is Record<string, any>}
 */
function hasExactly(value, ...names) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name));
}

/**
 * The entries of a receipt mostly share their checkpoint, whose signatures take milliseconds.
 * @param {readonly Verifier[]} verifiers
 * @returns {(note: string) => Promise<Checkpoint>}
 */
function openingOnce(verifiers) {
  /** @type {Map<string, Checkpoint>} */
  const opened = new Map();
  return async (note) => {
    const checkpoint = opened.get(note) ?? (await openCheckpoint(note, verifiers));
    opened.set(note, checkpoint);
    return checkpoint;
  };
}

/**
 * @param {unknown} entry
 * @param {(note: string) => Promise<Checkpoint>} open
 */
async function prove(entry, open) {
  require(hasExactly(entry, "leaf", "proof"), "receipt.entry");
  const { leaf, proof } = entry;
  require(typeof leaf === "string" && typeof proof === "string" && isAscii(leaf), "receipt.entry");
  const checkpoint = await verifyProof(leaf, proof, open);
  return { fields: parseLeaf(leaf), checkpoint };
}

/** @param {string} text */
function isAscii(text) {
  return /^[\0-\x7f]*$/.test(text);
}

/**
 * The members of a leaf, if it is exactly their one canonical text: sorted names, no spaces, flat.
 * @param {string} leaf
 * @returns {Fields}
 */
function parseLeaf(leaf) {
  /** @type {unknown} */
  let members;
  try {
    members = JSON.parse(leaf);
  } catch {
    members = null;
  }
  require(typeof members === "object" && members !== null && !Array.isArray(members), "receipt.leaf");
  const fields = Object.entries(members).sort(([one], [other]) => (one < other ? -1 : 1));
  const canonical = fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const isPlain = fields.every(([name, value]) => isPlainAscii(name) && isLeafValue(value));
  require(isPlain && `{${canonical.join(",")}}` === leaf && leaf.length <= LEAF_LIMIT_BYTES, "receipt.leaf");
  return Object.fromEntries(fields);
}

/** @param {unknown} value */
function isLeafValue(value) {
  if (typeof value === "string") return isPlainAscii(value);
  return typeof value === "boolean" || Number.isSafeInteger(value);
}

/**
 * Two trees of one size with different roots: a ledger that shows each reader another history.
 * @param {readonly ProvenEntry[]} entries
 */
function requireOneStory(entries) {
  /** @type {Map<string, string>} */
  const roots = new Map();
  for (const { checkpoint } of entries) {
    const [head, root] = [`${checkpoint.size} ${checkpoint.origin}`, hex(checkpoint.root)];
    require((roots.get(head) ?? root) === root, "receipt.two_trees");
    roots.set(head, root);
  }
}

/**
 * @param {string} request
 * @param {string} status
 * @param {readonly ProvenEntry[]} entries
 */
function requireBorneOut(request, status, entries) {
  const own = entries.filter(({ fields }) => fields.type !== ENDED).map(({ fields }) => fields);
  require(own.every((fields) => fields.request === request), "receipt.other_request");
  if (status === "pending") return;
  requireAllShredded(own);
  const ended = entries.filter(({ fields }) => fields.type === ENDED).map(({ fields }) => fields.epoch);
  const livedIn = own.filter((fields) => Object.hasOwn(fields, "epoch")).map((fields) => fields.epoch);
  require(status !== "final" || isSameSet(new Set(livedIn), new Set(ended)), "receipt.epochs");
}

/** @param {readonly Fields[]} own */
function requireAllShredded(own) {
  const objects = new Set(own.map((fields) => fields.object));
  const shredded = own.filter((fields) => fields.type === SHREDDED).map((fields) => fields.object);
  require(isSameSet(objects, new Set(shredded)), "receipt.not_shredded");
  const isWhole = own.every((fields) => !Object.hasOwn(fields, "objects") || fields.objects === objects.size);
  require(isWhole, "receipt.cut");
}

/** @param {Set<unknown>} one @param {Set<unknown>} other */
function isSameSet(one, other) {
  return one.size === other.size && [...one].every((value) => other.has(value));
}
