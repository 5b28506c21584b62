// @ts-check
/** Signing in: by the one-time code in the address's fragment, or by what is pasted. */

import { Problem, api, sentenceOf } from "./api.js";
import { byId, el, markFault, note } from "./dom.js";
import { t } from "./words.js";

const form = /** @type {HTMLFormElement} */ (byId("sign-in"));
const field = /** @type {HTMLInputElement} */ (byId("secret"));
const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));

/**
 * What was pasted: a whole sign-in link, its code, or a token (a JWT has three parts).
 * @param {string} text
 * @returns {{code: string} | {token: string}}
 */
function secretOf(text) {
  const fragment = text.includes("#") ? text.slice(text.indexOf("#") + 1) : text;
  const code = new URLSearchParams(fragment).get("code");
  if (code) return { code };
  return text.split(".").length === 3 ? { token: text } : { code: text };
}

/** Where to go afterwards: only ever a page of this console, whatever the address says. */
function nextPage() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "";
  const there = new URL(wanted || "/console", location.origin);
  const ours =
    there.origin === location.origin && /^\/console(\/(?!login$)[a-z]+(\/[a-z0-9_]+)?)?$/.test(there.pathname);
  return ours ? there.pathname + there.search : "/console";
}

/** @param {{code: string} | {token: string}} secret */
async function signIn(secret) {
  button.disabled = true;
  byId("message").replaceChildren(note("info", t("login.working")));
  try {
    await api("POST", "/v1/sessions", { body: secret, staySignedOut: true });
    location.replace(nextPage());
  } catch (caught) {
    const refused = caught instanceof Problem && [400, 401, 403, 404, 410, 422].includes(caught.status);
    byId("message").replaceChildren(note("danger", refused ? t("login.refused") : sentenceOf(caught)));
    button.disabled = false;
    field.focus();
  }
}

/** @param {SubmitEvent} event */
function submitted(event) {
  event.preventDefault();
  const text = field.value.trim();
  markFault(field, byId("secret-fault"), text ? "" : t("login.empty"));
  if (text) signIn(secretOf(text));
  else field.focus();
}

/**
 * Someone who came by a link on another site was asked to sign in although they are: the first request of
 * such a visit carries no strict cookie. This page's own request does.
 */
async function comeBack() {
  const known = await api("GET", "/v1/me", { staySignedOut: true }).catch(() => null);
  if (known) location.replace(nextPage());
}

/**
 * Whoever is signed in is asked first: else anybody's link would put their own account in the place of the
 * one that is here, unnoticed.
 * @param {string} code
 */
async function signInByLink(code) {
  const known = await api("GET", "/v1/me", { staySignedOut: true }).catch(() => null);
  if (!known) {
    signIn({ code });
    return;
  }
  const stay = el(
    "button",
    { type: "button", class: "primary", onclick: () => location.replace(nextPage()) },
    t("login.stay"),
  );
  const asked = note("warn", t("login.replace", { name: known.body.name }), {
    label: t("login.use_link"),
    act: () => signIn({ code }),
  });
  asked.append(stay);
  byId("message").replaceChildren(asked);
  stay.focus();
}

function start() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code) {
    // The code leaves the address bar and the history before anything else can read them.
    history.replaceState(null, "", location.pathname + location.search);
    signInByLink(code);
    return;
  }
  const query = new URLSearchParams(location.search);
  const why = query.get("why");
  if (query.has("next")) comeBack();
  if (why === "ended" || why === "signed_out") {
    byId("message").replaceChildren(note("info", t(`login.${why}`)));
  }
}

form.addEventListener("submit", submitted);
start();
// A sign-in link opened while this page is already shown changes the fragment only.
window.addEventListener("hashchange", start);
