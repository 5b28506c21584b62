// @ts-check
/** Writing to each other, beside the pictures. Events say that there is a message; what it says is read here. */

import { Problem, api, sentenceOf } from "./api.js";
import { section } from "./call_about.js";
import { el } from "./dom.js";
import { messageLine } from "./message_list.js";
import { t } from "./words.js";

const TEXT_CHARS = 2000;
const AT_ONCE = 200; // messages of one answer
export const WRITTEN = "written"; // what the desk tells a call when something was written in it

/** @type {import("./call_extras.js").Feature} */
export function chat(screen) {
  const thread = new Thread(screen);
  const hear = () => thread.read();
  screen.call.addEventListener(WRITTEN, hear);
  void thread.read();
  return { section: thread.element, reflect: () => thread.reflect(), close: () => screen.call.removeEventListener(WRITTEN, hear) };
}

class Thread {
  #last = 0;
  #reading = false;
  #again = false;

  /** @param {import("./call_screen.js").CallScreen} screen */
  constructor(screen) {
    this.screen = screen;
    this.path = `/v1/calls/${screen.call.id}/messages`;
    this.log = el("div", { class: "message-log", role: "log", "aria-label": t("chat.title"), tabindex: 0 });
    this.field = el("textarea", { rows: 2, maxlength: TEXT_CHARS, "aria-label": t("chat.write"), placeholder: t("chat.write") });
    this.send = el("button", { type: "submit", class: "secondary" }, t("chat.send"));
    const form = el(
      "form",
      { class: "message-form", onsubmit: (/** @type {Event} */ event) => this.#submit(event) },
      this.field,
      this.send,
    );
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#submit(event);
    });
    this.kept = el("p", { class: "muted small" });
    this.element = section("chat", t("chat.title"), this.log, form, this.kept);
    this.reflect();
  }

  /** Whether what is written is kept may change in the middle of a call; while it is paused nothing is taken. */
  reflect() {
    const isPaused = this.screen.call.recording?.state === "paused";
    const words = t(isPaused ? "chat.off" : this.screen.isRecorded ? "chat.kept" : "chat.not_kept");
    if (this.kept.textContent === words) return;
    this.kept.textContent = words;
    this.field.readOnly = this.send.disabled = isPaused;
    this.field.placeholder = t(isPaused ? "chat.off" : "chat.write");
  }

  /** One reading at a time; what is told meanwhile leads to another one. */
  async read() {
    this.#again = true;
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#again) {
        this.#again = false;
        const { body } = await api("GET", `${this.path}?after=${this.#last}&limit=${AT_ONCE}`);
        for (const message of body.items) this.#show(message);
        this.#again ||= body.items.length === AT_ONCE; // there may be more
      }
    } catch {
      // The call is over, or the next event asks again.
    } finally {
      this.#reading = false;
    }
  }

  /** @param {any} message */
  #show(message) {
    if (message.n <= this.#last) return;
    this.#last = message.n;
    const line = messageLine(message, this.screen.visitor);
    const draft = this.log.querySelector(".draft");
    if (draft) draft.before(line);
    else this.log.append(line);
    this.log.scrollTop = this.log.scrollHeight;
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    const text = this.field.value.trim();
    if (!text || this.field.readOnly) return;
    this.field.value = "";
    const line = el("div", { class: "message mine draft" }, el("p", { class: "message-text" }, text));
    const state = el("div", { class: "message-who" });
    line.append(state);
    this.log.append(line);
    this.log.scrollTop = this.log.scrollHeight;
    void this.#send({ text, key: crypto.randomUUID?.() ?? String(Math.random()) }, line, state);
  }

  /** @param {{text: string, key: string}} body @param {HTMLElement} line @param {HTMLElement} state */
  async #send(body, line, state) {
    state.replaceChildren(t("chat.sending"));
    try {
      await api("POST", this.path, { body });
      await this.read();
      line.remove();
    } catch (caught) {
      const code = caught instanceof Problem ? caught.code : "";
      const words = code === "chat_paused" ? sentenceOf(caught) : `${t("chat.failed")} ${sentenceOf(caught)}`;
      const retry = () => this.#send(body, line, state);
      state.replaceChildren(
        el("span", { class: "message-failed", role: "alert" }, words),
        " ",
        el("button", { type: "button", class: "quiet", onclick: retry }, t("shell.retry")),
      );
    }
  }
}
