// @ts-check
/** What the visitor's own page says in French. Every table holds the same keys (tests/web). */

/** @type {import("../shared/i18n.js").Sentences} */
export const FRENCH = {
  "language": "Langue",
  "title": "Votre appel avec {tenant}",
  "yours":
    "Cette page est à vous. Quiconque possède son lien peut la lire et décider à votre place : gardez-le pour vous. Rien de l’appel ne peut être écouté ni vu ici.",

  "sum.live": "L’appel est encore en cours",
  "sum.live_text": "Cette page montre ce qui a été conservé jusqu’ici.",
  "sum.kept": "Cet appel a été enregistré, et il est conservé",
  "sum.kept_text": "Chiffré, jusqu’aux dates ci-dessous. Vous pouvez changer d’avis à tout moment.",
  "sum.withdrawn_text":
    "Vous avez retiré votre accord. Ce qui avait été enregistré est conservé jusqu’aux dates ci-dessous.",
  "sum.nothing": "Rien n’a été enregistré",
  "sum.nothing_refused": "Vous avez choisi de continuer sans enregistrement, et c’est ce qui a été fait.",
  "sum.nothing_off": "Cet appel n’était pas de ceux qui sont enregistrés.",
  "sum.nothing_lost": "Pas une seconde de cet appel n’a pu être conservée.",
  "sum.erasing": "L’effacement est en cours",
  "sum.erasing_text":
    "Dès maintenant, plus personne ne peut le consulter. Cela prend en général quelques secondes ; vous pouvez fermer cette page et revenir.",
  "sum.erased": "L’enregistrement est effacé",
  "sum.erased_text":
    "Sa clé est oubliée, et chaque copie stockée a été supprimée. Le reçu d’effacement ci-dessous le prouve.",
  "sum.gone": "Plus rien de cet appel n’est conservé",
  "sum.gone_text":
    "Les enregistrements, ce qui a été écrit et ce que le site avait dit de vous : clés oubliées, chaque copie stockée supprimée.",

  "kept.title": "Ce qui est conservé",
  "kept.title_gone": "Ce qui était conservé",
  "kept.visitor_camera": "Votre côté de l’appel",
  "kept.agent_camera": "L’autre côté de l’appel",
  "kept.visitor_screen": "L’écran que vous avez montré",
  "kept.agent_screen": "L’écran qui vous a été montré",
  "kept.both_copy": "Une copie de plusieurs côtés en un fichier",
  "kept.chat": "Ce qui a été écrit pendant l’appel",
  "kept.details": "Ce que le site a dit de vous",
  "kept.details_text": "Par exemple votre nom ou votre numéro de client.",
  "kept.until": "jusqu’au {date}",
  "kept.none": "Aucun enregistrement, aucun message.",
  "kept.always":
    "Ce qui reste dans tous les cas, sans votre nom : qu’un appel a eu lieu, quand, et si vous avez accepté l’enregistrement.",
  "state.kept": "Conservé",
  "state.being_made": "En cours",
  "state.being_erased": "Effacement en cours",
  "state.erased": "Effacé",
  "state.erased_on": "Effacé le {date}",
  "state.nothing": "Rien de conservé",

  "consent.title": "Votre accord",
  "consent.accepted":
    "Vous avez accepté que cet appel soit enregistré. Vous pouvez revenir sur cet accord, sans donner de raison.",
  "consent.accepted_gone": "Vous aviez accepté que cet appel soit enregistré.",
  "consent.withdrawn_gone": "Vous avez retiré votre accord.",
  "consent.rule_erase":
    "La règle de {tenant} : ce qui a été enregistré et écrit est alors effacé aussitôt, et vous recevez un reçu d’effacement.",
  "consent.rule_keep":
    "La règle de {tenant} : ce qui a été enregistré jusque-là est conservé jusqu’à sa date. Pour qu’il disparaisse, demandez l’effacement.",
  "consent.withdraw": "Retirer mon accord",
  "consent.withdrawn_erase": "Vous avez retiré votre accord, et ce qui avait été enregistré est effacé.",
  "consent.withdrawn_keep":
    "Vous avez retiré votre accord. La règle de {tenant} est de conserver jusqu’à sa date ce qui avait été enregistré.",
  "consent.ask": "Retirer votre accord ?",
  "consent.ask_erase":
    "Ce qui a été enregistré et écrit pendant cet appel est effacé. On ne peut pas revenir en arrière.",
  "consent.ask_keep":
    "Le retrait est consigné. Ce qui a été enregistré reste jusqu’à sa date ; vous pourrez ensuite en demander l’effacement.",
  "consent.yes": "Le retirer",
  "consent.done": "Votre accord est retiré.",

  "erase.title": "Effacement",
  "erase.text":
    "Tout ce qui concerne cet appel disparaît : les enregistrements, ce qui a été écrit, les notes à son sujet et ce que le site a dit de vous.",
  "erase.live": "C’est possible dès que l’appel est terminé.",
  "erase.button": "Tout effacer",
  "erase.ask": "Effacer tout ce qui concerne cet appel ?",
  "erase.ask_text":
    "On ne peut pas revenir en arrière, ni vous ni {tenant}. Vous recevez un reçu d’effacement vérifiable.",
  "erase.yes": "Effacer définitivement",
  "erase.asked": "L’effacement a commencé.",
  "erase.complete": "L’effacement est terminé.",
  "erase.reason_visitor_request": "Effacement demandé",
  "erase.reason_consent_withdrawn": "Effacement après le retrait de votre accord",
  "erase.reason_retention": "Effacement à la fin de la durée prévue",
  "erase.reason_other": "Effacement par {tenant}",
  "erase.since": "commencé le {date}",
  "erase.done_on": "terminé le {date}",
  "erase.receipt": "Télécharger le reçu d’effacement",
  "erase.receipt_text": "Une preuve signée. Gardez-la : elle se vérifie sans {tenant}.",
  "erase.verify": "Vérifier un reçu d’effacement",
  "erase.no_receipt": "Il concernait aussi d’autres appels ; demandez le reçu à {tenant}.",
  "cancel": "Annuler",

  "dead.title": "Ce lien ne mène nulle part",
  "dead.text":
    "Il a été copié en partie seulement, un plus récent l’a remplacé, ou son délai est passé. Ouvrez-le à nouveau là où vous l’avez gardé.",
  "dead.reference": "Si cela ne suffit pas, donnez cette référence de votre appel à qui vous avez appelé :",
  "shut.title": "Ouvrez votre lien à nouveau",
  "shut.text":
    "Cette page oublie votre lien dès qu’elle l’a lu, pour que personne ne le trouve dans ce navigateur. Ouvrez-le à nouveau là où vous l’avez gardé.",
  "failed.title": "La page n’a pas pu être chargée",
  "failed.text": "Vérifiez votre connexion, puis réessayez. Votre lien reste valable.",
  "failed.many": "Trop d’essais en peu de temps. Attendez une minute, puis réessayez.",
  "failed.act": "Cela n’a pas marché. Rien n’a été changé ; réessayez dans un instant.",
  "again": "Réessayer",
};
