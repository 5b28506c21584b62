// @ts-check
/** The proof of an erasure: how far it is, the receipt to take away, and how anyone verifies it. */

import { api, sentenceOf } from "./api.js";
import { el, facts, note, say } from "./dom.js";
import { waits } from "./polling.js";
import { saveText } from "./save.js";
import { day, exact, named, t } from "./words.js";

export const KEY_FILE = "callvault-ledger-key.txt";

/**
 * @param {{erased_at?: string, deletion_request_id?: string}} known
 * @param {boolean} mayRead  the role shows receipts
 * @param {{completed: () => void, seen?: (request: any) => void}} told  seen: each time it is another than before
 */
export function receiptSection(known, mayRead, told) {
  const place = el("div", { id: "receipt" });
  const section = el(
    "section",
    { class: "card panel receipt", "aria-labelledby": "receipt-title" },
    el("h2", { id: "receipt-title" }, t("receipt.title")),
    place,
  );
  const when = known.erased_at ? [el("p", {}, t("receipt.erased_at", { date: day(known.erased_at) }))] : [];
  if (!known.deletion_request_id || !mayRead)
    place.append(...when, el("p", { class: "muted" }, t("receipt.hidden")));
  else follow(place, known.deletion_request_id, told);
  return section;
}

/**
 * Show the request, and ask again until it is complete: soon at first, then ever more rarely.
 * @param {HTMLElement} place
 * @param {string} id
 * @param {{completed: () => void, seen?: (request: any) => void}} told  completed: once, when it was seen to become so
 */
async function follow(place, id, told) {
  const wait = waits();
  let before = "";
  for (;;) {
    try {
      const { body } = await api("GET", `/v1/deletion-requests/${id}`);
      const now = JSON.stringify(body);
      if (now !== before) {
        place.replaceChildren(...progress(body)); // else the focus would be lost for nothing
        told.seen?.(body);
      }
      if (before && body.state === "complete") {
        say(t("receipt.complete_text"));
        told.completed();
      }
      if (body.state === "complete") return;
      before = now;
    } catch (caught) {
      const retry = { label: t("shell.retry"), act: () => follow(place, id, told) };
      place.replaceChildren(note("danger", `${t("receipt.failed")} ${sentenceOf(caught)}`, retry));
      return;
    }
    await wait();
    if (!place.isConnected) return;
  }
}

/** When the last live copy so far was gone. @param {any} request */
function lastErased(request) {
  return request.items
    ?.map((/** @type {any} */ item) => item.live_erased_at)
    .filter(Boolean)
    .sort()
    .at(-1);
}

/** The ground of a legal hold that the erasure waits for; empty where it does not. @param {any} request @returns {string} */
export const heldOn = (request) =>
  request.items?.map((/** @type {any} */ item) => item.held).find(Boolean) ?? "";

/** @param {any} request */
function progress(request) {
  const held = heldOn(request);
  const steps = [
    [t("receipt.requested"), request.requested_at],
    [t("receipt.live"), lastErased(request)],
    [t("receipt.completed"), request.completed_at],
  ];
  return [
    el("p", {}, el("span", { class: `badge badge-${request.state}` }, t(`receipt.${request.state}`))),
    held
      ? note("warn", t("receipt.held_text", { ground: t(`hold.ground_${held}`) }))
      : el("p", {}, t(`receipt.${request.state}_text`)),
    el(
      "ol",
      { class: "steps-done" },
      steps.map(([name, at]) => step(name, at)),
    ),
    facts([
      [t("receipt.reason"), named("reason", request.reason)],
      [t("receipt.number"), el("code", {}, request.id)],
    ]),
    downloads(request),
    howTo(request.id),
  ];
}

/** @param {string} name @param {string | undefined} at */
export function step(name, at) {
  const when = at ? el("time", { datetime: at }, exact(at)) : t("receipt.waiting");
  return el(
    "li",
    { class: at ? "is-done" : null },
    el("span", { class: "step-name" }, name),
    el("span", { class: "muted small" }, when),
  );
}

/** @param {any} request */
function downloads(request) {
  const path = request.receipt_url ?? `/v1/deletion-requests/${request.id}/receipt`;
  const proven = request.state === "complete" || lastErased(request); // before that there is no leaf to hand out
  return el(
    "p",
    { class: "downloads" },
    proven &&
      el(
        "a",
        {
          class: `button ${request.state === "complete" ? "primary" : "secondary"}`,
          href: path,
          download: `receipt-${request.id}.json`,
        },
        t("receipt.download"),
      ),
    keyButton(),
  );
}

/** Downloads the ledger's keys as the verifier reads them: one on each line. */
export function keyButton() {
  const download = async () => {
    try {
      const { body } = await api("GET", "/v1/ledger/key");
      saveText(`${body.keys.join("\n")}\n`, KEY_FILE);
    } catch (caught) {
      button.parentElement?.after(note("danger", sentenceOf(caught)));
    }
  };
  const button = el("button", { type: "button", class: "secondary", onclick: download }, t("receipt.key"));
  return button;
}

/** How anyone verifies a receipt. @param {string} requestId */
export function howTo(requestId) {
  const command = `callvault receipt verify receipt-${requestId}.json --key ${KEY_FILE}`;
  return el(
    "div",
    { class: "how" },
    el("h3", {}, t("receipt.how_title")),
    el("p", { class: "small" }, t("receipt.how")),
    el("pre", {}, el("code", {}, command)),
    el("p", { class: "small" }, el("a", { href: "/verify", target: "_blank", rel: "noopener" }, t("receipt.page"))),
  );
}
