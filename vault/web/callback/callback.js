// @ts-check
/** The page of a call-back link: it asks whether the link is good, then shows the call button, or says that it is not. */

import { chooseLanguage } from "../shared/i18n.js";
import { CallFailure, VaultApi } from "../widget/api.js";

const WORDS = Object.freeze({
  fr: {
    title: "{tenant} vous invite à appeler",
    lead: "Appuyez pour être mis en relation. Vous choisissez avant de parler si l’appel est enregistré.",
    dead: "Ce lien n’est plus valable",
    dead_text: "Il a déjà servi, a expiré ou a été retiré. Demandez-en un nouveau à votre interlocuteur.",
    failed: "La page n’a pas pu être chargée",
    failed_text: "Vérifiez votre connexion, puis rechargez la page. Votre lien reste valable.",
  },
  en: {
    title: "{tenant} invites you to call",
    lead: "Press to be connected. You choose before you speak whether the call is recorded.",
    dead: "This link is no longer valid",
    dead_text: "It was used, has expired or was withdrawn. Ask whoever sent it for a new one.",
    failed: "The page could not be loaded",
    failed_text: "Check your connection, then load the page again. Your link stays valid.",
  },
});
const OVER = Object.freeze(["link_dead", "not_found", "invalid"]); // answers that no second try changes

const language = chooseLanguage([...navigator.languages, document.documentElement.lang]);
const words = WORDS[language];
document.documentElement.lang = language;

/** @param {string} id */
const place = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} title @param {string} lead */
function say(title, lead) {
  document.title = title;
  place("title").textContent = title;
  place("lead").textContent = lead;
  place("content").removeAttribute("aria-busy");
}

async function begin() {
  // The secret stays in the address, so that a page that is loaded anew still has it; browsers send it to nobody.
  const link = `${document.body.dataset.invitation}#${location.hash.slice(1)}`;
  try {
    const { tenant_name: tenant } = await new VaultApi(new URL("/", location.href)).button(link);
    const button = document.createElement("call-button");
    button.setAttribute("button", link);
    button.setAttribute("lang", language);
    place("call").replaceChildren(button);
    say(words.title.replace("{tenant}", tenant), words.lead);
  } catch (caught) {
    place("call").replaceChildren();
    if (caught instanceof CallFailure && OVER.includes(caught.code)) say(words.dead, words.dead_text);
    else say(words.failed, words.failed_text);
  }
}

addEventListener("hashchange", begin);
await begin();
