// @ts-check
/** The agent's desk, on every page: being available, calls that ring, and the call one is in. */

import { Problem, api, sentenceOf } from "./api.js";
import { Bell } from "./bell.js";
import { Call } from "./call.js";
import { WRITTEN } from "./call_chat.js";
import { CallScreen } from "./call_screen.js";
import { DeviceCheck } from "./device_check.js";
import { byId, el, note, say } from "./dom.js";
import { Events } from "./events.js";
import { IncomingCard, goneOfAsk, ringsInWords, visitorName } from "./incoming.js";
import { Notifier } from "./notify.js";
import { Presence } from "./presence.js";
import { t } from "./words.js";

const NOTICE_MS = 8000; // time to look up, read and understand one sentence
const TICK_MS = 1000;
const HERE = /^#\/call\/(call_[0-9a-f]{32})$/;

const place = byId("desk");
const ringing = el("div", { class: "rings" });
const notices = el("div", { class: "notices" });
const quietHint = el("p", { class: "note note-info small", hidden: true }, t("desk.silent"));
const lostLine = el("p", { class: "note note-warn", role: "status", hidden: true });
place.setAttribute("aria-label", t("desk.label"));
place.append(lostLine, ringing, quietHint, notices);

const bell = new Bell();
const presence = new Presence((sentence) => notice("danger", sentence));
const notifier = new Notifier(presence.element);
const check = new DeviceCheck(presence.element);
/** @type {Map<string, IncomingCard>} */
const cards = new Map();
/** @type {CallScreen | null} the call one is in, or its last page */
let screen = null;

/** A sentence that goes by itself. @param {"danger" | "info"} tone @param {string} sentence */
function notice(tone, sentence) {
  const shown = note(tone, sentence);
  notices.append(shown);
  if (tone === "info") say(sentence); // the other one is an alert
  setTimeout(() => shown.remove(), NOTICE_MS);
}

const isTalking = () => screen !== null && !screen.call.isOver;

function reflect() {
  bell.ring(cards.size > 0, !isTalking());
  quietHint.hidden = !cards.size || bell.isAudible || isTalking();
  check.button.hidden = isTalking(); // in a call devices are chosen beside its pictures
  for (const card of cards.values()) card.talking(isTalking());
}

/** @param {import("./incoming.js").Card} card @param {number} waitedMs */
function ring(card, waitedMs) {
  if (cards.has(card.call_id)) return;
  const shown = new IncomingCard(card, waitedMs, {
    take: () => take(shown),
    unrecorded: () => take(shown, "?recorded=false"),
    decline: () => decline(shown),
  });
  cards.set(card.call_id, shown);
  ringing.append(shown.element);
  check.close();
  byId("rung").textContent = ringsInWords(card);
  notifier.ring(card.call_id, card.button_name, () => shown.take.focus());
  reflect();
}

/** Take a card away; the focus it held goes to the next one, or back to the page. @param {string} callId */
function silence(callId) {
  const card = cards.get(callId);
  if (!card) return null;
  const focused = card.element.contains(document.activeElement);
  card.element.remove();
  cards.delete(callId);
  notifier.silence(callId);
  if (focused) ([...cards.values()][0]?.take ?? byId("content")).focus({ preventScroll: true });
  if (!cards.size) byId("rung").textContent = "";
  reflect();
  return card.card;
}

/** @param {IncomingCard} shown @param {string} how  the query of an answer that is not the usual one */
async function take(shown, how = "") {
  const { card } = shown;
  shown.busy(true);
  try {
    const { body } = await api("POST", `/v1/calls/${card.call_id}/take${how}`);
    silence(card.call_id);
    show(new Call({ ...body, card }));
  } catch (caught) {
    shown.busy(false);
    if (!(caught instanceof Problem) || ![404, 409, 410].includes(caught.status)) {
      notice("danger", sentenceOf(caught));
    } else if (silence(card.call_id)) {
      // An event may have said so already; else the answer does.
      const values = { name: caught.body.taken_by ?? "", visitor: visitorName(card) };
      notice("info", t(values.name ? "desk.taken_by" : "desk.not_here", values));
    }
  }
}

/** @param {IncomingCard} shown */
async function decline({ card }) {
  silence(card.call_id);
  await api("POST", `/v1/calls/${card.call_id}/decline`).catch((caught) => {
    if (!(caught instanceof Problem) || ![404, 409, 410].includes(caught.status))
      notice("danger", sentenceOf(caught));
  });
}

/** @param {Call} call */
function show(call) {
  screen?.leave();
  screen = new CallScreen(call, { closed });
  let { phase } = call;
  call.addEventListener("change", () => {
    if (phase === "again" && call.phase === "live") events.again(); // the vault answers: hear it at once
    ({ phase } = call);
    reflect();
  });
  const here = `#/call/${call.id}`;
  if (location.hash !== here) history.pushState(null, "", here);
  screen.enter();
  reflect();
}

/** The person left the last page of a call. */
function closed() {
  screen = null;
  if (HERE.test(location.hash)) history.replaceState(null, "", location.pathname + location.search);
  byId("content").focus({ preventScroll: true });
  reflect();
}

/** @param {string} callId @returns {Call | null} the call that is going on here, if it is this one */
const current = (callId) => (isTalking() && screen?.call.id === callId ? screen.call : null);

/** @type {Record<string, (event: import("./events.js").VaultEvent) => void>} */
const ON = {
  "call.ringing": ({ at, data }) =>
    ring(data, Math.max(0, Date.parse(at) - Date.parse(data.since))),
  "call.taken": ({ data }) => {
    if (current(data.call_id)) return;
    const asked = cards.get(data.call_id)?.take.disabled; // this page's own answer is on its way
    if (data.mine && asked) return;
    const card = silence(data.call_id);
    if (!card) return;
    const values = { name: data.by?.name ?? "", visitor: visitorName(card) };
    notice("info", t(data.mine ? "desk.taken_elsewhere" : "desk.taken_by", values));
  },
  "call.gone": ({ data }) => {
    const card = silence(data.call_id);
    const said = { gave_up: "desk.gave_up", timed_out: "desk.timed_out", ended: "desk.gave_up" };
    const key = /** @type {Record<string, string>} */ (said)[data.reason];
    const asked = goneOfAsk(card, data.reason);
    if (card && asked) notice("info", t(asked, { visitor: visitorName(card) }));
    else if (card && key) notice("info", t(key, { visitor: visitorName(card) }));
  },
  "presence.changed": ({ data }) => presence.show(data.available),
  "call.asked": ({ data }) => {
    if (data.asked_by) current(data.call_id)?.asked(data);
  },
  "call.message": ({ data }) => current(data.call_id)?.dispatchEvent(new Event(WRITTEN)),
  "call.leg_joined": ({ data }) => current(data.call_id)?.legJoined({ ...data, id: data.leg_id }),
  "call.leg_ended": ({ data }) => current(data.call_id)?.legEnded(data.leg_id, data.reason),
  "call.quality": ({ data }) => current(data.call_id)?.dispatchEvent(new CustomEvent("quality", { detail: data })),
  "server.draining": ({ data }) =>
    current(data.call_id)?.dispatchEvent(new CustomEvent("stopping", { detail: data })),
  "call.recording_changed": ({ data }) => current(data.call_id)?.recordingChanged(data),
  "call.pause_long": ({ data }) => current(data.call_id)?.pauseIsLong(),
  "call.ended": ({ data }) => current(data.call_id)?.finish(data.reason),
};

/** Everything is told anew. @param {any} snapshot */
function hello(snapshot) {
  presence.show(Boolean(snapshot.presence?.available));
  const known = new Set(snapshot.ringing.map((/** @type {any} */ card) => card.call_id));
  for (const callId of cards.keys()) if (!known.has(callId)) silence(callId);
  for (const card of snapshot.ringing) ring(card, Math.max(0, Date.now() - Date.parse(card.since)));
  screen?.call.reconcile();
  screen?.call.dispatchEvent(new Event(WRITTEN));
  for (const asked of snapshot.asks ?? []) current(asked.call_id)?.asked(asked);
  const [, callId] = HERE.exec(location.hash) ?? [];
  if (callId && !screen) comeBack(callId, snapshot.calls ?? []);
}

/**
 * The page was loaded anew in the middle of a call.
 * @param {string} callId
 * @param {import("./incoming.js").Card[]} calls  those one is in
 */
async function comeBack(callId, calls) {
  const mine = calls.find((card) => card.call_id === callId);
  try {
    const { body } = await api("GET", `/v1/calls/${callId}`);
    const call = new Call({ call: body, card: mine ?? null });
    if (!mine || body.ended_at) call.finish("gone");
    show(call);
  } catch {
    closed(); // there is no such call here: the page behind it is as good
  }
}

/** @param {boolean} isOpen */
function connection(isOpen) {
  lostLine.textContent = isOpen ? "" : t("desk.lost");
  lostLine.hidden = isOpen;
  presence.element.disabled = !isOpen;
}

const events = new Events({ hello, event: (event) => ON[event.type]?.(event), state: connection });

addEventListener("keydown", (event) => {
  if (event.key !== "F8" || !cards.size) return;
  event.preventDefault();
  const [card] = cards.values();
  (card.take.hidden ? card.decline : card.take).focus();
});
addEventListener("hashchange", () => screen?.follow(location.hash));
addEventListener("beforeunload", (event) => {
  if (isTalking()) event.preventDefault(); // leaving the page would hang up: the browser asks first
});
addEventListener("pagehide", () => {
  events.stop();
  screen?.call.finish("left");
});
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
document.addEventListener("bell:audible", reflect);
setInterval(() => cards.forEach((card) => card.tick()), TICK_MS);
events.start();
