// @ts-check
/** What the call button says. French is the source language; both tables hold the same keys (tests/web). */

/** @type {Record<import("../shared/i18n.js").Language, import("../shared/i18n.js").Sentences>} */
export const SENTENCES = {
  fr: {
    "idle.label": "Nous appeler",
    "idle.busy": "Votre appel est en cours",
    "close": "Fermer",
    "cancel": "Annuler",
    "again": "Réessayer",

    "asking.wait": "Un instant…",
    "asking.title": "Avant de commencer",
    "asking.lead": "{tenant} souhaite enregistrer cet appel. C’est vous qui décidez.",
    "asking.lead_unrecorded": "Cet appel avec {tenant} n’est pas enregistré.",
    "asking.start": "Commencer l’appel",
    "asking.why": "Pourquoi",
    "asking.what": "Ce qui est enregistré",
    "asking.how_long": "Combien de temps",
    "asking.how_long_value": "{days}, puis effacement définitif",
    "asking.days_one": "{count} jour",
    "asking.days_other": "{count} jours",
    "asking.voice": "Votre voix",
    "asking.voice_and_image": "Votre voix et votre image",
    "asking.details": "Lire la notice complète",
    "asking.camera": "Utiliser ma caméra",
    "asking.question": "Enregistrer l’appel ?",
    "asking.accept": "Accepter l’enregistrement",
    "asking.refuse": "Continuer sans enregistrement",

    "permission.title_audio": "Autorisez votre micro",
    "permission.title_video": "Autorisez votre micro et votre caméra",
    "permission.text": "Votre navigateur vous pose la question en ce moment. Choisissez « Autoriser ».",
    "permission.recorded": "L’appel sera enregistré, comme vous l’avez accepté.",
    "permission.not_recorded": "L’appel ne sera pas enregistré.",
    "permission.media_denied_title": "L’accès est bloqué",
    "permission.media_denied":
      "Votre navigateur refuse le micro ou la caméra pour ce site. Pour changer cela :",
    "permission.step_1": "Touchez l’icône à gauche de l’adresse du site.",
    "permission.step_2": "Autorisez le micro, et la caméra si vous voulez être vu.",
    "permission.step_3": "Revenez ici et réessayez.",
    "permission.media_missing_title": "Rien n’est branché",
    "permission.media_missing":
      "Nous ne trouvons pas le micro ou la caméra. Branchez-les, ou continuez avec le son seulement.",
    "permission.media_missing_audio": "Nous ne trouvons pas de micro. Branchez-en un, puis réessayez.",
    "permission.media_busy_title": "Déjà utilisé ailleurs",
    "permission.media_busy":
      "Une autre application se sert du micro ou de la caméra. Fermez-la, puis réessayez.",
    "permission.audio_only": "Continuer avec le son seulement",

    "connecting.title": "Connexion à {tenant}…",
    "connecting.text": "Cela prend quelques secondes.",

    "live.title": "En ligne avec {tenant}",
    "live.recorded": "Enregistré",
    "live.not_recorded": "Non enregistré",
    "live.time": "Durée de l’appel",
    "live.mute": "Couper le micro",
    "live.unmute": "Rétablir le micro",
    "live.camera_off": "Couper la caméra",
    "live.camera_on": "Rallumer la caméra",
    "live.hang_up": "Raccrocher",
    "live.microphone": "Micro",
    "live.camera": "Caméra",
    "live.you": "Vous",
    "live.muted": "Micro coupé",
    "live.unmuted": "Micro rétabli",
    "live.camera_is_off": "Caméra coupée",
    "live.camera_is_on": "Caméra allumée",
    "live.unstable": "La connexion est interrompue. Nous essayons de la rétablir…",
    "live.stable": "Connexion rétablie",

    "ended.title": "Appel terminé",
    "ended.lasted": "Durée",
    "ended.kept": "Ce qui est conservé",
    "ended.kept_voice": "Votre voix, jusqu’au {date}",
    "ended.kept_both": "Votre voix et votre image, jusqu’au {date}",
    "ended.nothing": "Rien : l’appel n’a pas été enregistré",
    "ended.reference": "Référence de l’appel",
    "ended.erase": "Vous pouvez demander l’effacement à tout moment : donnez cette référence à {tenant}.",
    "ended.camera": "Votre micro et votre caméra sont éteints.",
    "ended.copy": "Copier la référence",
    "ended.copied": "Référence copiée",

    "failed.title": "L’appel n’a pas abouti",
    "failed.title_lost": "L’appel a été coupé",
    "failed.code": "Code : {code}",
    "failed.network":
      "Le service ne répond pas à cette page. Vérifiez votre connexion à Internet, puis réessayez.",
    "failed.timeout": "Le service met trop de temps à répondre. Réessayez dans un instant.",
    "failed.origin_not_allowed":
      "Ce bouton n’est pas autorisé sur cette page. Prévenez le site que vous visitez.",
    "failed.not_found":
      "Ce bouton d’appel n’existe pas, ou n’existe plus. Prévenez le site que vous visitez.",
    "failed.too_many": "Trop d’appels ont été lancés en peu de temps. Réessayez dans une minute.",
    "failed.crowded":
      "Trop d’appels sont en cours depuis votre réseau. Terminez-en un, ou réessayez dans un instant.",
    "failed.unavailable": "Le service est momentanément indisponible. Réessayez dans quelques minutes.",
    "failed.expired": "L’appel a attendu trop longtemps et s’est fermé. Réessayez.",
    "failed.notice_changed": "La notice vient de changer. Réessayez pour lire la nouvelle.",
    "failed.codec": "Votre navigateur ne parle pas un format que nous comprenons. Essayez-en un autre.",
    "failed.media_insecure": "Cette page n’est pas sécurisée (https) : le navigateur lui refuse le micro.",
    "failed.connect":
      "La connexion n’a pas pu s’établir. Un réseau d’entreprise ou un VPN peut la bloquer : essayez un autre réseau.",
    "failed.connection_lost": "La connexion a été perdue. Vérifiez votre réseau, puis rappelez.",
    "failed.other": "Quelque chose n’a pas marché de notre côté. Réessayez.",
  },
  en: {
    "idle.label": "Call us",
    "idle.busy": "Your call is in progress",
    "close": "Close",
    "cancel": "Cancel",
    "again": "Try again",

    "asking.wait": "One moment…",
    "asking.title": "Before we start",
    "asking.lead": "{tenant} would like to record this call. You decide.",
    "asking.lead_unrecorded": "This call with {tenant} is not recorded.",
    "asking.start": "Start the call",
    "asking.why": "Why",
    "asking.what": "What is recorded",
    "asking.how_long": "For how long",
    "asking.how_long_value": "{days}, then erased for good",
    "asking.days_one": "{count} day",
    "asking.days_other": "{count} days",
    "asking.voice": "Your voice",
    "asking.voice_and_image": "Your voice and your picture",
    "asking.details": "Read the full notice",
    "asking.camera": "Use my camera",
    "asking.question": "Record the call?",
    "asking.accept": "Accept recording",
    "asking.refuse": "Continue without recording",

    "permission.title_audio": "Allow your microphone",
    "permission.title_video": "Allow your microphone and camera",
    "permission.text": "Your browser is asking you right now. Choose “Allow”.",
    "permission.recorded": "The call will be recorded, as you accepted.",
    "permission.not_recorded": "The call will not be recorded.",
    "permission.media_denied_title": "Access is blocked",
    "permission.media_denied": "Your browser refuses the microphone or camera to this site. To change that:",
    "permission.step_1": "Press the icon to the left of the site’s address.",
    "permission.step_2": "Allow the microphone, and the camera if you want to be seen.",
    "permission.step_3": "Come back here and try again.",
    "permission.media_missing_title": "Nothing is plugged in",
    "permission.media_missing":
      "We cannot find the microphone or the camera. Plug them in, or continue with sound only.",
    "permission.media_missing_audio": "We cannot find a microphone. Plug one in, then try again.",
    "permission.media_busy_title": "In use elsewhere",
    "permission.media_busy":
      "Another application is using the microphone or camera. Close it, then try again.",
    "permission.audio_only": "Continue with sound only",

    "connecting.title": "Connecting to {tenant}…",
    "connecting.text": "This takes a few seconds.",

    "live.title": "On the line with {tenant}",
    "live.recorded": "Recorded",
    "live.not_recorded": "Not recorded",
    "live.time": "Time on the call",
    "live.mute": "Mute the microphone",
    "live.unmute": "Turn the microphone on",
    "live.camera_off": "Turn the camera off",
    "live.camera_on": "Turn the camera on",
    "live.hang_up": "Hang up",
    "live.microphone": "Microphone",
    "live.camera": "Camera",
    "live.you": "You",
    "live.muted": "Microphone muted",
    "live.unmuted": "Microphone on again",
    "live.camera_is_off": "Camera off",
    "live.camera_is_on": "Camera on",
    "live.unstable": "The connection is interrupted. We are trying to restore it…",
    "live.stable": "Connection restored",

    "ended.title": "Call ended",
    "ended.lasted": "Duration",
    "ended.kept": "What is kept",
    "ended.kept_voice": "Your voice, until {date}",
    "ended.kept_both": "Your voice and your picture, until {date}",
    "ended.nothing": "Nothing: the call was not recorded",
    "ended.reference": "Call reference",
    "ended.erase": "You can ask for erasure at any time: give this reference to {tenant}.",
    "ended.camera": "Your microphone and camera are off.",
    "ended.copy": "Copy the reference",
    "ended.copied": "Reference copied",

    "failed.title": "The call did not go through",
    "failed.title_lost": "The call was cut off",
    "failed.code": "Code: {code}",
    "failed.network":
      "The service does not answer this page. Check your internet connection, then try again.",
    "failed.timeout": "The service takes too long to answer. Try again in a moment.",
    "failed.origin_not_allowed":
      "This button is not allowed on this page. Please tell the site you are visiting.",
    "failed.not_found":
      "This call button does not exist, or no longer does. Please tell the site you are visiting.",
    "failed.too_many": "Too many calls were started in a short time. Try again in a minute.",
    "failed.crowded": "Too many calls are running from your network. End one, or try again in a moment.",
    "failed.unavailable": "The service is unavailable for a moment. Try again in a few minutes.",
    "failed.expired": "The call waited too long and was closed. Try again.",
    "failed.notice_changed": "The notice has just changed. Try again to read the new one.",
    "failed.codec": "Your browser speaks no format that we understand. Try another one.",
    "failed.media_insecure": "This page is not secure (https): the browser refuses it the microphone.",
    "failed.connect":
      "The connection could not be made. A company network or a VPN may block it: try another network.",
    "failed.connection_lost": "The connection was lost. Check your network, then call again.",
    "failed.other": "Something went wrong on our side. Try again.",
  },
};

/**
 * The sentence of a failure code: the vault's own codes, `http_` codes for a proxy's answers, and the
 * widget's. A code not listed says `failed.other` and shows itself below it.
 */
const SENTENCE_OF_CODE = new Map([
  ["origin_refused", "failed.origin_not_allowed"],
  ["not_found", "failed.not_found"],
  ["too_many_requests", "failed.too_many"],
  ["too_many_legs", "failed.crowded"],
  ["busy", "failed.unavailable"],
  ["dependency_unavailable", "failed.unavailable"],
  ["no_space", "failed.unavailable"],
  ["unauthenticated", "failed.expired"],
  ["token_refused", "failed.expired"],
  ["conflict", "failed.expired"],
  ["notice_changed", "failed.notice_changed"],
  ["offer_refused", "failed.codec"],
  ["http_404", "failed.not_found"],
  ["http_429", "failed.too_many"],
  ["http_502", "failed.unavailable"],
  ["http_503", "failed.unavailable"],
  ["http_504", "failed.unavailable"],
  ["network", "failed.network"],
  ["timeout", "failed.timeout"],
  ["media_insecure", "failed.media_insecure"],
  ["connect_failed", "failed.connect"],
  ["connect_timeout", "failed.connect"],
  ["connection_lost", "failed.connection_lost"],
]);

/**
 * @param {string} code
 * @returns {string} a key of the tables above
 */
export function sentenceOfCode(code) {
  return SENTENCE_OF_CODE.get(code) ?? "failed.other";
}
