// @ts-check
/** What the visitor's own page says in English. Every table holds the same keys (tests/web). */

/** @type {import("../shared/i18n.js").Sentences} */
export const ENGLISH = {
  "language": "Language",
  "title": "Your call with {tenant}",
  "yours":
    "This page is yours. Whoever has its link reads it and decides in your place, so keep the link to yourself. Nothing of the call can be played here.",

  "sum.live": "The call is still going on",
  "sum.live_text": "This page shows what has been kept so far.",
  "sum.kept": "This call was recorded, and is kept",
  "sum.kept_text": "Encrypted, until the dates below. You can change that at any time.",
  "sum.withdrawn_text": "You took your agreement back. What was recorded before is kept until the dates below.",
  "sum.nothing": "Nothing was recorded",
  "sum.nothing_refused": "You chose to continue without recording, and so it was.",
  "sum.nothing_off": "This call was not one that is recorded.",
  "sum.nothing_lost": "Not a second of this call could be kept.",
  "sum.erasing": "It is being erased",
  "sum.erasing_text":
    "From now on nobody can play it. Mostly this takes seconds; you may close this page and come back.",
  "sum.erased": "The recording is erased",
  "sum.erased_text": "Its key is forgotten, and every stored copy was deleted. The receipt below proves it.",
  "sum.gone": "Nothing of this call is kept any more",
  "sum.gone_text":
    "The recordings, what was written and what the site told about you: keys forgotten, every stored copy deleted.",

  "kept.title": "What is kept",
  "kept.title_gone": "What was kept",
  "kept.visitor_camera": "Your side of the call",
  "kept.agent_camera": "The other side of the call",
  "kept.visitor_screen": "The screen you showed",
  "kept.agent_screen": "The screen you were shown",
  "kept.both_copy": "A copy of several sides in one file",
  "kept.chat": "What was written in the call",
  "kept.details": "What the site told about you",
  "kept.details_text": "For instance your name or your customer number.",
  "kept.until": "until {date}",
  "kept.none": "No recording, no messages.",
  "kept.always":
    "What stays in any case, without your name: that a call took place, when, and whether you agreed to be recorded.",
  "state.kept": "Kept",
  "state.being_made": "In progress",
  "state.being_erased": "Being erased",
  "state.erased": "Erased",
  "state.erased_on": "Erased on {date}",
  "state.nothing": "Nothing kept",

  "consent.title": "Your agreement",
  "consent.accepted": "You agreed to this call being recorded. You can take that back, without giving a reason.",
  "consent.accepted_gone": "You had agreed to this call being recorded.",
  "consent.withdrawn_gone": "You took your agreement back.",
  "consent.rule_erase":
    "{tenant}’s rule: what was recorded and written is then erased at once, and you get a receipt.",
  "consent.rule_keep":
    "{tenant}’s rule: what was recorded until then is kept until its date. If you want it gone, ask for erasure.",
  "consent.withdraw": "Withdraw my agreement",
  "consent.withdrawn_erase": "You took your agreement back, and what was recorded is erased.",
  "consent.withdrawn_keep":
    "You took your agreement back. {tenant}’s rule is to keep what was recorded before, until its date.",
  "consent.ask": "Withdraw your agreement?",
  "consent.ask_erase": "What was recorded and written in this call is erased. This cannot be undone.",
  "consent.ask_keep":
    "The withdrawal is written down. What was recorded stays until its date; you can ask for its erasure afterwards.",
  "consent.yes": "Withdraw it",
  "consent.done": "Your agreement is withdrawn.",

  "erase.title": "Erasure",
  "erase.text":
    "Everything of this call goes: the recordings, what was written, notes about it, and what the site told about you.",
  "erase.live": "This is possible once the call has ended.",
  "erase.button": "Erase everything",
  "erase.ask": "Erase everything of this call?",
  "erase.ask_text":
    "This cannot be undone, neither by you nor by {tenant}. You get a receipt that can be checked.",
  "erase.yes": "Erase for good",
  "erase.asked": "The erasure has begun.",
  "erase.complete": "The erasure is complete.",
  "erase.reason_visitor_request": "Erasure that was asked for",
  "erase.reason_consent_withdrawn": "Erasure after your withdrawal",
  "erase.reason_retention": "Erasure because its time was over",
  "erase.reason_other": "Erasure by {tenant}",
  "erase.since": "begun on {date}",
  "erase.done_on": "complete since {date}",
  "erase.receipt": "Download the receipt",
  "erase.receipt_text": "A signed proof. Keep it: it can be checked without {tenant}.",
  "erase.verify": "Check a receipt",
  "erase.no_receipt": "It reached other calls too; ask {tenant} for its receipt.",
  "cancel": "Cancel",

  "dead.title": "This link leads nowhere",
  "dead.text":
    "It was copied incompletely, a newer one took its place, or its time is over. Open it again from where you saved it.",
  "dead.reference": "If that does not help, give whoever you called this reference of your call:",
  "shut.title": "Please open your link again",
  "shut.text":
    "This page forgets your link as soon as it has read it, so that nobody finds it in this browser. Open it again from where you saved it.",
  "failed.title": "The page could not be loaded",
  "failed.text": "Check your connection, then try again. Your link stays valid.",
  "failed.many": "Too many tries in a short time. Wait a minute, then try again.",
  "failed.act": "That did not work. Nothing was changed; please try again in a moment.",
  "again": "Try again",
};
