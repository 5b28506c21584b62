// @ts-check
/** What was fetched, handed to the person as a file or on the clipboard. */

import { el } from "./dom.js";

const READ_MS = 15_000; // by then the browser has surely read it

/** @param {string} text @param {string} name @param {string} [type] */
export function saveText(text, name, type = "text/plain") {
  const file = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: file, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(file), READ_MS);
}

/** Copy what a field shows; where the browser does not let us, it is selected at least. @param {HTMLInputElement} field */
export async function copyOf(field) {
  field.select();
  await navigator.clipboard?.writeText(field.value).catch(() => {});
}
