// @ts-check
/** Asking a colleague from within a call: to take it over, or to come as well; how it stands, and how to stop. */

import { icon } from "../shared/icons.js";
import { api, sentenceOf } from "./api.js";
import { control } from "./call_controls.js";
import { el, note, say } from "./dom.js";
import { t } from "./words.js";

/** @typedef {"transfer" | "join"} Purpose */
/** @typedef {{call_id: string, purpose: Purpose, state: string, of: {name: string}, taken_by: {name: string} | null}} Asked */

const ROUTES = Object.freeze({ transfer: "transfers", join: "joins" });
const OPEN = Object.freeze(["ringing", "taken"]);

/** @type {import("./call_extras.js").Feature} */
export function asking({ call }) {
  /** @type {HTMLDialogElement | null} */ let dialog = null;
  const open = async (/** @type {Purpose} */ purpose) => {
    dialog?.close();
    dialog = await openChoice(call, purpose);
  };
  const transfer = control("handOver", () => open("transfer"));
  const join = control("addPerson", () => open("join"));
  const words = el("p", {});
  const stop = el("button", { type: "button", class: "secondary", onclick: () => cancel(call) }, t("ask.cancel"));
  const gone = () => call.asked(null);
  const close = el("button", { type: "button", class: "secondary", onclick: gone }, t("ask.understood"));
  const banner = el("div", { class: "note note-info share", hidden: true }, icon("addPerson"), words, stop, close);
  const reflect = () => {
    const isOpen = OPEN.includes(call.ask?.state);
    transfer.show("handOver", t("ask.transfer"));
    join.show("addPerson", t("ask.join"));
    transfer.button.disabled = join.button.disabled = isOpen || call.phase !== "live";
    const told = call.ask ? wordsOf(call.ask) : "";
    if (told && told !== words.textContent) say(told);
    words.textContent = told;
    banner.hidden = !told;
    stop.hidden = !isOpen;
    close.hidden = isOpen;
  };
  return { banner, control: [transfer, join], reflect, close: () => dialog?.close() };
}

/** @param {Asked} asked */
function wordsOf({ purpose, state, of, taken_by: taker }) {
  const name = (state === "taken" || state === "done") && taker?.name ? taker.name : of.name || t("role.agent");
  return t(`ask.${state === "done" ? `done_${purpose}` : state}`, { name });
}

/** @param {import("./call.js").Call} call */
async function cancel(call) {
  if (!call.ask) return;
  try {
    const { body } = await api("DELETE", `/v1/calls/${call.id}/asks/${call.ask.ask_id ?? call.ask.id}`);
    call.asked(body);
  } catch (caught) {
    say(sentenceOf(caught)); // an event tells how it really stands
  }
}

/**
 * Choose whom to ask. It closes with a choice, with its button, with Escape, and when the call ends.
 * @param {import("./call.js").Call} call
 * @param {Purpose} purpose
 */
async function openChoice(call, purpose) {
  const list = el("div", { class: "ask-list", "aria-busy": "true" }, el("p", { class: "muted" }, t("shell.loading")));
  const trouble = el("div", { class: "trouble" });
  const title = `ask-${purpose}`;
  const dialog = el(
    "dialog",
    { class: "card devices", "aria-labelledby": title },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: title }, t(`ask.${purpose}`)),
      el("p", { class: "muted" }, t(`ask.${purpose}_text`)),
      list,
      trouble,
      el("div", {}, el("button", { type: "submit", class: "secondary" }, t("ask.close"))),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  const ask = async (/** @type {object} */ whom) => {
    try {
      const { body } = await api("POST", `/v1/calls/${call.id}/${ROUTES[purpose]}`, { body: whom });
      call.asked({ ...body, ask_id: body.id });
      dialog.close();
    } catch (caught) {
      trouble.replaceChildren(note("danger", sentenceOf(caught)));
    }
  };
  try {
    const { body } = await api("GET", "/v1/colleagues");
    list.replaceChildren(...choices(body, ask));
  } catch (caught) {
    list.replaceChildren(note("danger", sentenceOf(caught)));
  }
  list.removeAttribute("aria-busy");
  /** @type {HTMLElement | null} */ (list.querySelector("button:not([disabled])"))?.focus();
  return dialog;
}

/**
 * @param {{people: {id: string, name: string, state: string}[], teams: {id: string, name: string, free: number}[]}} found
 * @param {(whom: object) => void} ask
 */
function choices({ people, teams }, ask) {
  if (!people.length && !teams.length) return [el("p", {}, t("ask.no_colleagues"))];
  const persons = people.map(({ id, name, state }) =>
    choice(name || t("role.agent"), t(`ask.is_${state}`), state === "free", () => ask({ person_id: id })),
  );
  const groups = teams.map(({ id, name, free }) =>
    choice(name, t("ask.team_free", { count: free }), free > 0, () => ask({ team_id: id })),
  );
  return [
    persons.length ? el("ul", { "aria-label": t("ask.people") }, persons) : null,
    groups.length ? el("h3", { id: "ask-teams" }, t("ask.teams")) : null,
    groups.length ? el("ul", { "aria-labelledby": "ask-teams" }, groups) : null,
  ].filter((one) => one !== null);
}

/** @param {string} name @param {string} state @param {boolean} isFree @param {() => void} act */
function choice(name, state, isFree, act) {
  return el(
    "li",
    {},
    el(
      "button",
      { type: "button", class: "ask-choice", disabled: !isFree, onclick: act },
      el("span", { class: "ask-name" }, name),
      el("span", { class: isFree ? "badge badge-ready" : "badge" }, state),
    ),
  );
}
