// @ts-check
/** What every page carries: the other language, and signing out. */

import { Problem, api, goToSignIn, sentenceOf } from "./api.js";
import { byId, note } from "./dom.js";
import { showBar } from "./leaving_bar.js";

const YEAR_S = 365 * 24 * 3600;

/**
 * A preference, not a secret: the server reads it to render the page shells.
 * @param {string | undefined} language
 */
function rememberLanguage(language) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `callvault_language=${language}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
}

/** @param {Event} event */
function chooseLanguage(event) {
  rememberLanguage(/** @type {HTMLElement} */ (event.currentTarget).dataset.language);
  location.reload();
}

async function signOut() {
  try {
    await api("DELETE", "/v1/sessions/current", { staySignedOut: true });
  } catch (caught) {
    // 401: the session is gone already, which is what was asked for.
    if (!(caught instanceof Problem) || caught.status !== 401) {
      byId("content").prepend(note("danger", sentenceOf(caught)));
      return;
    }
  }
  rememberLanguage(document.documentElement.lang); // signing out cleared all cookies
  goToSignIn("signed_out");
}

// A sign-in link may name any page of the console; its code is used up by the sign-in page, and leaves the address.
const { hash, pathname } = location;
if (pathname !== "/console/login" && new URLSearchParams(hash.slice(1)).has("code"))
  location.replace(`/console/login${hash}`);

const { state, endsAt, waitsFor } = document.getElementById("leaving-bar")?.dataset ?? {};
if (state) showBar({ state, ends_at: endsAt, waits_for: waitsFor });
byId("language").addEventListener("click", chooseLanguage);
document.getElementById("sign-out")?.addEventListener("click", signOut);
