// @ts-check
/** One's own note on a call: it is written as one types, and says whether it is kept. */

import { Problem, api, sentenceOf } from "./api.js";
import { el } from "./dom.js";
import { language, t } from "./words.js";

const PAUSE_MS = 800; // after the last key: a note is written in sentences, not in letters
const TEXT_CHARS = 10_000;

/** @type {Map<string, NotePanel>} one for each call, so that the call's last page goes on where the call was */
const panels = new Map();
/** @type {Promise<any[]> | null} */
let listed = null;

/** The company's list; asked for once. @returns {Promise<any[]>} */
function dispositions() {
  listed ??= api("GET", "/v1/note-rules").then(({ body }) => body.dispositions);
  listed.catch(() => (listed = null));
  return listed;
}

/** @param {string | null} code  in words; a code that left the list is shown as it is */
export async function dispositionInWords(code) {
  const found = (await dispositions().catch(() => [])).find((one) => one.code === code);
  return found?.label[language] ?? code ?? "";
}

/** The panel of a call. @param {string} callId */
export function notePanel(callId) {
  const known = panels.get(callId) ?? new NotePanel(callId);
  panels.set(callId, known);
  return known;
}

class NotePanel {
  #path;
  #etag = '"0"';
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #writing = false;
  #isChanged = false;

  /** @param {string} callId */
  constructor(callId) {
    this.#path = `/v1/calls/${callId}/notes`;
    this.text = el("textarea", { id: "note-text", rows: 5, maxlength: TEXT_CHARS, disabled: true });
    this.code = el("select", { id: "note-code", disabled: true }, el("option", { value: "" }, t("note.none")));
    this.state = el("p", { class: "muted small", role: "status" }, t("shell.loading"));
    this.action = el("div", {});
    this.element = el(
      "div",
      { class: "note-panel" },
      el("div", { class: "field" }, el("label", { for: "note-code" }, t("note.disposition")), this.code),
      el("div", { class: "field" }, el("label", { for: "note-text" }, t("note.text")), this.text),
      this.state,
      this.action,
    );
    this.text.addEventListener("input", () => this.#later());
    this.text.addEventListener("blur", () => this.flush());
    this.code.addEventListener("change", () => this.flush(true));
    void this.read();
  }

  /** What is kept, in the place of what stands here. */
  async read() {
    try {
      const [list, { body, headers }] = await Promise.all([dispositions(), api("GET", this.#path)]);
      this.#etag = headers.get("ETag") ?? '"0"';
      const codes = list.map((one) => el("option", { value: one.code }, one.label[language]));
      const isOld = body.disposition && !list.some((one) => one.code === body.disposition);
      if (isOld) codes.push(el("option", { value: body.disposition }, body.disposition));
      this.code.replaceChildren(el("option", { value: "" }, t("note.none")), ...codes);
      this.text.value = body.text;
      this.code.value = body.disposition ?? "";
      this.#isChanged = false;
      this.#say(body.updated_at ? t("note.saved") : t("note.empty"));
      [this.text.disabled, this.code.disabled] = [false, false];
    } catch (caught) {
      const isForeign = caught instanceof Problem && caught.status === 409;
      this.#say(isForeign ? t("note.not_yours") : sentenceOf(caught), isForeign ? undefined : () => this.read());
    }
  }

  /** Keep what stands here now. @param {boolean} [isChanged] */
  flush(isChanged = this.#isChanged) {
    clearTimeout(this.#timer);
    this.#isChanged = isChanged;
    if (this.#isChanged && !this.#writing) void this.#write();
  }

  #later() {
    this.#isChanged = true;
    clearTimeout(this.#timer);
    this.#say(t("note.unsaved"));
    this.#timer = setTimeout(() => this.flush(), PAUSE_MS);
  }

  async #write() {
    this.#writing = true;
    this.#isChanged = false;
    this.#say(t("note.saving"));
    const body = { text: this.text.value, disposition: this.code.value || null };
    try {
      const { headers } = await api("PUT", this.#path, { body, headers: { "If-Match": this.#etag } });
      this.#etag = headers.get("ETag") ?? this.#etag;
      this.#say(this.#isChanged ? t("note.unsaved") : t("note.saved"));
    } catch (caught) {
      this.#isChanged = true;
      const isStale = caught instanceof Problem && caught.status === 412;
      if (isStale) this.#say(t("note.stale"), () => this.read(), t("note.reload"));
      else this.#say(`${t("note.failed")} ${sentenceOf(caught)}`, () => this.flush());
      return;
    } finally {
      this.#writing = false;
    }
    if (this.#isChanged) this.flush();
  }

  /** @param {string} sentence @param {() => void} [act] @param {string} [label] */
  #say(sentence, act, label = t("shell.retry")) {
    if (this.state.textContent !== sentence) this.state.textContent = sentence;
    const button = act && el("button", { type: "button", class: "secondary", onclick: act }, label);
    this.action.replaceChildren(...(button ? [button] : []));
  }
}
