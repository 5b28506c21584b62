// @ts-check
/** Building and saying: elements from plain values (never from markup), and the page's one live region. */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * An element. What comes from the server enters as text only, so it can never become markup.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [attributes]  `on…` is a listener, `true` an empty attribute, `false` or null none
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  const wanted = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  made.append(.../** @type {(Node | string)[]} */ (wanted));
  return made;
}

/**
 * The element with this id; the page's template promises it.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * Say something to a screen reader without moving the focus.
 * @param {string} sentence
 */
export function say(sentence) {
  byId("said").textContent = sentence;
}

/**
 * A title for what follows, with the details beside each other: a description list.
 * @param {[string, Child | Child[]][]} rows
 */
export function facts(rows) {
  return el(
    "dl",
    { class: "facts" },
    rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}

/**
 * A sentence in a frame, with what can be done about it.
 * @param {"danger" | "warn" | "info" | "ok"} tone
 * @param {string} sentence
 * @param {{label: string, act: () => void}} [action]
 */
export function note(tone, sentence, action) {
  const button =
    action && el("button", { type: "button", class: "secondary", onclick: action.act }, action.label);
  const role = tone === "danger" ? "alert" : null;
  return el("div", { class: `note note-${tone}`, role }, el("p", {}, sentence), button);
}

/**
 * Show or clear the fault of one field, and tie it to the field for assistive technology.
 * @param {HTMLElement} field
 * @param {HTMLElement} fault
 * @param {string} sentence  empty: the field is in order
 */
export function markFault(field, fault, sentence) {
  fault.textContent = sentence;
  fault.hidden = !sentence;
  if (sentence) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}
