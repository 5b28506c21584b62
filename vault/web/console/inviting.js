// @ts-check
/** Calling somebody: a link is made, copied and sent; whether it was opened is seen here, and it is taken back here. */

import { dateTime } from "../shared/i18n.js";
import { api, sentenceOf } from "./api.js";
import { byId, el, note, say } from "./dom.js";
import { language, named, t } from "./words.js";

const FIELDS = /** @type {const} */ (["name", "reference", "email", "phone"]);
const LIVES_S = Object.freeze([3_600, 86_400, 604_800]);
const AGAIN_MS = 5000; // the list looks again while it is open
const DEAD = Object.freeze(["used", "expired", "revoked", "erased"]);

byId("invite").addEventListener("click", open);

/** Open the dialog; it closes with its button and with Escape. */
function open() {
  const made = el("div", { class: "invite-made", "aria-live": "polite" });
  const list = el("div", { "aria-busy": "true" }, el("p", { class: "muted" }, t("shell.loading")));
  const form = el("form", { class: "invite-form" });
  const close = el("button", { type: "button", class: "secondary" }, t("invite.close"));
  const dialog = el(
    "dialog",
    { class: "card devices invite", "aria-labelledby": "invite-title" },
    el("h2", { id: "invite-title" }, t("invite.title")),
    el("p", { class: "muted" }, t("invite.text")),
    form,
    made,
    el("h3", {}, t("invite.list")),
    list,
    el("div", {}, close),
  );
  close.addEventListener("click", () => dialog.close());
  const look = () => showList(list);
  const timer = setInterval(look, AGAIN_MS);
  dialog.addEventListener("close", () => {
    clearInterval(timer);
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  fill(form, made, look);
  look();
}

/** @param {HTMLFormElement} form @param {HTMLElement} made @param {() => void} look */
async function fill(form, made, look) {
  const select = el("select", { id: "invite-button", name: "button_id", required: true });
  const life = el(
    "select",
    { id: "invite-life", name: "lifetime_s" },
    LIVES_S.map((one) => el("option", { value: one, selected: one === 86_400 }, t(`invite.life_${one}`))),
  );
  const inputs = FIELDS.map((name) => {
    const type = name === "email" ? "email" : name === "phone" ? "tel" : "text";
    const input = el("input", { id: `invite-${name}`, name, type, maxlength: name === "phone" ? 40 : 200, autocomplete: "off" });
    return el("div", { class: "field" }, el("label", { for: input.id }, t(`invite.${name}`)), input);
  });
  const send = el("button", { type: "submit", class: "primary" }, t("invite.make"));
  form.replaceChildren(
    el("div", { class: "field" }, el("label", { for: select.id }, t("invite.button")), select),
    el("div", { class: "field" }, el("label", { for: life.id }, t("invite.life")), life),
    ...inputs,
    el("div", {}, send),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    make(form, made, send).then(look);
  });
  try {
    const { body } = await api("GET", "/v1/buttons");
    const on = body.items.filter((/** @type {any} */ one) => !one.disabled);
    select.replaceChildren(...on.map((/** @type {any} */ one) => el("option", { value: one.id }, one.name)));
    send.disabled = !on.length;
  } catch (caught) {
    made.replaceChildren(note("danger", sentenceOf(caught)));
  }
}

/** @param {HTMLFormElement} form @param {HTMLElement} place @param {HTMLButtonElement} send */
async function make(form, place, send) {
  const given = new FormData(form);
  const told = FIELDS.map((name) => [name, String(given.get(name) ?? "").trim()]).filter(([, value]) => value);
  send.disabled = true;
  try {
    const { body } = await api("POST", "/v1/invitations", {
      body: {
        button_id: String(given.get("button_id")),
        visitor: Object.fromEntries(told),
        lifetime_s: Number(given.get("lifetime_s")),
      },
    });
    form.reset();
    form.hidden = true; // the link is what counts now
    const again = () => {
      place.replaceChildren();
      form.hidden = false;
      form.querySelector("select")?.focus();
    };
    place.replaceChildren(linkOnce(body.url, again));
    place.querySelector("input")?.select();
  } catch (caught) {
    place.replaceChildren(note("danger", sentenceOf(caught)));
  }
  send.disabled = false;
}

/** The link, shown once: whoever closes the dialog without it makes another one. @param {string} url @param {() => void} again */
function linkOnce(url, again) {
  const field = el("input", { id: "invite-url", readonly: true, value: url });
  const copy = async () => {
    field.select();
    await navigator.clipboard?.writeText(url).catch(() => {});
    say(t("invite.copied"));
    button.textContent = t("invite.copied");
  };
  const button = el("button", { type: "button", class: "primary", onclick: copy }, t("invite.copy"));
  const another = el("button", { type: "button", class: "secondary", onclick: again }, t("invite.another"));
  return el(
    "div",
    { class: "note note-ok" },
    el("div", { class: "field" }, el("label", { for: field.id }, t("invite.once")), field),
    el("div", { class: "pause-buttons" }, button, another),
  );
}

/** @param {HTMLElement} place */
async function showList(place) {
  if (!place.isConnected) return;
  try {
    const { body } = await api("GET", "/v1/invitations");
    const items = body.items.slice(0, 20);
    const focused = place.contains(document.activeElement) ? document.activeElement?.id : "";
    place.replaceChildren(
      items.length
        ? el("ul", { class: "kept-list" }, items.map((/** @type {any} */ item) => line(item, () => showList(place))))
        : el("p", { class: "muted" }, t("invite.none")),
    );
    if (focused) document.getElementById(focused)?.focus();
  } catch (caught) {
    place.replaceChildren(note("danger", sentenceOf(caught)));
  }
  place.removeAttribute("aria-busy");
}

/** @param {any} item @param {() => void} look */
function line(item, look) {
  const name = item.visitor.name || item.visitor.reference || t("invite.somebody");
  const revoke = async () => {
    await api("DELETE", `/v1/invitations/${item.id}`).catch((caught) => say(sentenceOf(caught)));
    look();
  };
  const isDead = DEAD.includes(item.state);
  return el(
    "li",
    { class: "kept" },
    el(
      "div",
      {},
      el("span", {}, name),
      el("p", { class: "muted small" }, t("invite.until", { date: dateTime(language, item.expires_at) })),
    ),
    el("span", { class: item.state === "opened" ? "badge badge-ready" : "badge" }, named("invited", item.state)),
    !isDead &&
      el(
        "button",
        { type: "button", class: "danger-quiet", id: `revoke-${item.id}`, "aria-label": t("invite.revoke_said", { name }), onclick: revoke },
        t("invite.revoke"),
      ),
  );
}
