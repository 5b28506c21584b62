// @ts-check
/** Writing to each other: a button that counts what is unread, and a panel below the pictures. */

import { control } from "./controls.js";
import { h, icon } from "./dom.js";
import { isRecorded } from "./live_words.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */

const TEXT_CHARS = 2000; // as many as the vault takes
const SILENT = Object.freeze(["unknown", "nobody"]); // nobody would read it

/** @type {import("./extras.js").Feature} */
export function chat(model, scene) {
  const { t } = scene;
  let now = model;
  let seen = model.chat.messages.length;
  const log = h("div", { class: "chat-log", role: "log", "aria-label": t("chat.title"), tabindex: "0" });
  const kept = h("p", { class: "aside" });
  const form = formOf(scene);
  const panel = h("div", { class: "chat", hidden: true }, log, form.node, kept);
  const count = h("span", { class: "count", hidden: true });
  const button = control("chat-button", [icon("chat"), count], t("chat.short"), () => turn());
  button.setAttribute("aria-expanded", "false");
  const turn = () => {
    // Folded, the panel has no room: a press opens the call first.
    const fold = /** @type {HTMLElement | null} */ (button.closest(".folded")?.querySelector(".minimise"));
    fold?.click();
    panel.hidden = fold ? false : !panel.hidden;
    draw();
    if (!panel.hidden) form.focus();
  };
  const draw = () => {
    const { there, messages } = now.chat;
    button.hidden = !there || (SILENT.includes(now.party.phase) && !messages.length);
    if (button.hidden) panel.hidden = true;
    button.setAttribute("aria-expanded", String(!panel.hidden));
    const live = button.closest(".live");
    live?.classList.toggle("with-chat", !button.hidden); // one control more: the others make room
    live?.classList.toggle("chatting", !panel.hidden); // what one writes stays in sight
    drawLog(log, now, scene);
    const unread = messages.slice(seen).filter(({ mine }) => !mine);
    if (!panel.hidden) seen = messages.length;
    count.textContent = String(unread.length);
    count.hidden = !panel.hidden || !unread.length;
    button.setAttribute("aria-label", count.hidden ? t("chat.title") : t("chat.unread", { count: unread.length }));
    const isPaused = now.recording === "paused";
    form.pause(isPaused);
    const words = t(isPaused ? "chat.off" : isRecorded(now) ? "chat.kept" : "chat.not_kept");
    if (kept.textContent !== words) kept.textContent = words;
  };
  const show = (/** @type {Model} */ next) => {
    const last = next.chat.messages.at(-1);
    const isNew = last && last.n !== now.chat.messages.at(-1)?.n && !last.mine;
    now = next;
    draw();
    if (isNew && panel.hidden) scene.say(t("chat.arrived", { name: last.name || t("live.somebody") }));
  };
  return { panel, buttons: [button], show };
}

/**
 * @param {HTMLElement} log
 * @param {Model} model
 * @param {Scene} scene
 */
function drawLog(log, { chat: { messages, drafts } }, scene) {
  const wanted = [...messages.map(({ id }) => id), ...drafts.map(({ key, state }) => `${key} ${state}`)];
  const shown = [...log.children].map((line) => /** @type {HTMLElement} */ (line).dataset.of ?? "");
  if (wanted.join() === shown.join()) return;
  for (const line of [...log.children]) {
    if (!wanted.includes(/** @type {HTMLElement} */ (line).dataset.of ?? "")) line.remove();
  }
  const there = new Set([...log.children].map((line) => /** @type {HTMLElement} */ (line).dataset.of));
  const lines = [...messages.map((one) => messageLine(one, scene)), ...drafts.map((one) => draftLine(one, scene))];
  for (const line of lines) if (!there.has(line.dataset.of)) log.append(line);
  log.scrollTop = log.scrollHeight;
}

/** @param {import("./api.js").Message} message @param {Scene} scene */
function messageLine({ id, mine, name, at, text }, { t, language }) {
  const who = mine ? t("live.you") : name || t("live.somebody");
  const line = h(
    "div",
    { class: mine ? "message mine" : "message" },
    h("span", { class: "who" }, who, " ", h("time", { datetime: at }, new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(new Date(at)))),
    h("p", {}, text),
  );
  line.dataset.of = id;
  return line;
}

/** @param {import("./thread.js").Draft} draft @param {Scene} scene */
function draftLine({ key, text, state, code }, { t, actions }) {
  const paused = code === "chat_paused";
  const failed = h("span", { class: "who failed" }, t(paused ? "chat.paused" : "chat.failed"));
  const again = h("button", { type: "button", class: "plain", click: () => actions.writeAgain(key) }, t("again"));
  const line = h(
    "div",
    { class: "message mine draft" },
    h("p", {}, text),
    state === "sending" ? h("span", { class: "who" }, t("chat.sending")) : h("span", { class: "retry" }, failed, again),
  );
  line.dataset.of = `${key} ${state}`;
  return line;
}

/** @param {Scene} scene */
function formOf({ t, actions }) {
  const field = h("textarea", { rows: "2", maxlength: String(TEXT_CHARS), "aria-label": t("chat.write") });
  field.placeholder = t("chat.write");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!text || field.readOnly) return;
    actions.write(text);
    field.value = "";
    field.focus();
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  });
  const send = h("button", { type: "submit", class: "tonal", title: t("chat.send"), "aria-label": t("chat.send") }, icon("send"));
  const node = h("form", { class: "chat-form" }, field, send);
  node.addEventListener("submit", submit);
  // Read-only, not disabled: the keyboard stays where it is, and what was begun can be read.
  const pause = (/** @type {boolean} */ isPaused) => {
    field.readOnly = isPaused;
    send.disabled = isPaused;
    field.placeholder = t(isPaused ? "chat.off" : "chat.write");
  };
  return { node, pause, focus: () => field.focus() };
}
