// @ts-check
/** What the page says in French. Every table holds the same keys (tests/web). */

/** @type {import("../shared/i18n.js").Sentences} */
export const FRENCH = {
  "language": "Langue",
  "title": "Vérifier un reçu d’effacement",
  "lead":
    "Qui a effacé un de vos enregistrements vous a remis un reçu d’effacement. Cette page vérifie s’il est authentique, et dit en mots simples ce qu’il prouve.",
  "private":
    "Tout se passe dans cette page, sur votre appareil. Rien n’est envoyé nulle part ; elle marche sans connexion.",

  "receipt.title": "Le reçu",
  "receipt.text": "Le fichier qui vous a été remis, en général receipt-….json. Plusieurs à la fois conviennent.",
  "receipt.choose": "Choisir des fichiers",
  "receipt.drop": "ou déposez-les ici",
  "receipt.none": "Aucun fichier choisi.",

  "keys.title": "Les clés publiques du registre",
  "keys.text":
    "Elles distinguent un reçu authentique d’un faux. Prenez-les à un endroit qui ne change pas avec le serveur : votre contrat, un courriel de l’époque, une copie gardée le jour de l’appel. Une par ligne.",
  "keys.label": "Clés, une par ligne",
  "keys.choose": "Choisir le fichier des clés",
  "keys.why": "Pourquoi cette page ne va-t-elle pas les chercher elle-même ?",
  "keys.why_text":
    "Parce qu’un serveur qui voudrait vous tromper donnerait un faux reçu avec la fausse clé qui lui va. Des clés ne prouvent quelque chose que si vous les tenez d’ailleurs, ou d’avant.",
  "keys.all":
    "Chaque clé donnée doit avoir signé. Un coffre en a deux : donnez les deux, sinon la seconde ne protège de rien.",
  "keys.here": "Voir les clés que ce serveur montre maintenant",
  "keys.here_text": "Elles servent à comparer avec les vôtres, non à les remplacer.",

  "check": "Vérifier",
  "checking": "Vérification…",
  "need.receipt": "Choisissez d’abord un reçu.",

  "final.title": "Prouvé : effacé pour de bon",
  "final.text":
    "Tout ce que visait cette demande est effacé, et la clé qui verrouillait les anciennes copies est détruite aussi. Ce qui avait été enregistré ne s’ouvre plus depuis aucune copie des clés.",
  "complete.title": "Prouvé : effacé",
  "complete.text":
    "Tout ce que visait cette demande est effacé du système en service. La date ci-dessous dit à partir de quand aucune ancienne copie des clés ne l’ouvre plus ; après elle, redemandez le reçu, et il le prouvera aussi.",
  "pending.title": "Authentique, mais pas complet",
  "pending.text":
    "Les signatures sont bonnes, mais l’effacement n’était pas terminé quand ce reçu a été écrit. Ce qui est listé ci-dessous est prouvé, et rien de plus. Redemandez-le plus tard.",
  "held.title": "Authentique, mais retenu",
  "held.text":
    "Les signatures sont bonnes. Une partie de cette demande ne doit pas encore être effacée, parce que la loi la retient ; le motif est ci-dessous. L’effacement reprend quand il cesse. D’ici là, personne ne peut la consulter.",
  "refused.title": "Non valable",
  "refused.text": "Ce fichier ne prouve rien. Ne vous fiez à rien de ce qu’il dit.",

  "erased.title": "Ce qui est effacé",
  "held.list": "Ce qui est retenu",
  "ended.title": "Clés détruites pour de bon",
  "erased.nothing": "Rien n’est encore prouvé effacé.",
  "object": "Objet",
  "kind.recording": "Enregistrement",
  "kind.call": "Ce qui a été écrit et dit d’un appel",
  "kind.export": "Copie faite d’enregistrements",
  "kind.note": "Note",
  "kind.tenant": "Tout ce qui concerne une société",
  "kind.other": "Objet",
  "requested_at": "Demandé",
  "key_forgotten_at": "Clé oubliée",
  "objects_deleted_at": "Copies supprimées",
  "erased_at": "Effacé",
  "irrecoverable_by": "Irrécupérable à partir du",
  "method": "Méthode",
  "method_plain": "sa clé a été oubliée, puis chaque copie stockée supprimée et recherchée",
  "reason": "Raison",
  "reason.visitor_request": "le visiteur l’a demandé",
  "reason.consent_withdrawn": "l’accord a été retiré",
  "reason.retention": "sa durée était passée",
  "reason.not_recorded": "l’appel ne devait pas être enregistré",
  "reason.recorded_by_mistake": "enregistré par erreur",
  "reason.tenant_exit": "la société est partie",
  "reason.legal": "la loi l’exige",
  "reason.other": "une autre raison",
  "assurance": "Clés gardées dans",
  "assurance.software": "un fichier (un disque peut garder d’anciens blocs)",
  "assurance.kms": "un service de clés",
  "assurance.hsm": "un module matériel de sécurité",
  "ground": "Motif",
  "ground.legal_claim": "nécessaire à une action en justice",
  "ground.legal_obligation": "la loi impose de le garder",
  "ground.authority": "ordonné par un tribunal ou une autorité",
  "held_at": "Depuis",
  "held_then_erased": "Il a été retenu un temps, et il est effacé maintenant.",
  "epoch": "Époque de clé",
  "provider": "Détruite dans",
  "provider.file": "le fichier de clés du coffre",
  "provider.openbao": "OpenBao, un service de clés",
  "provider.awskms": "AWS KMS, un service de clés",
  "provider.pkcs11": "un module matériel de sécurité (PKCS #11)",
  "effective_at": "Effectif",
  "commitment": "Engagement de la clé",
  "ct_sha256": "Empreinte des octets scellés (SHA-256)",
  "more": "À comparer avec ce qui vous a été dit lors du dépôt",

  "facts.title": "Ce qui s’en porte garant",
  "request": "Demande",
  "status": "État dans le fichier",
  "ledger": "Registre",
  "size": "Entrées dans le registre",
  "root": "Sa racine",
  "signed": "Signé par",
  "entries": "Entrées prouvées",

  "limits":
    "Ce qu’un reçu ne peut pas prouver : que personne n’a fait de copie auparavant. Il prouve ce qui a été consigné, dans un registre qui ne se réécrit pas sans que cela se voie.",
  "keep.title": "Gardez cette page",
  "keep.text":
    "C’est un seul fichier, qui n’a besoin d’aucun serveur. Enregistrée aujourd’hui, elle ne peut plus changer demain. Si vous ne faites pas confiance à ce serveur, prenez le fichier dans les versions publiées du projet, ou vérifiez avec la commande ou le script de la documentation.",
  "keep.save": "Enregistrer cette page",

  "why.receipt_long": "Le fichier dépasse 10 Mo. Aucun reçu n’est aussi grand.",
  "why.receipt_json": "Ce n’est pas un reçu : pas de JSON en UTF-8 où chaque nom est unique.",
  "why.receipt_version":
    "Ce n’est pas un reçu de version 1, ou il a des membres qu’un reçu n’a pas.",
  "why.receipt_request": "Il ne nomme pas sa demande.",
  "why.receipt_status": "Il n’a pas d’état connu.",
  "why.receipt_entries": "Il n’a aucune entrée.",
  "why.receipt_entry": "Une de ses entrées est mal formée.",
  "why.receipt_leaf": "Une de ses entrées n’a pas sa forme canonique.",
  "why.receipt_two_trees":
    "Le registre a signé deux arbres différents de même taille. Il a raconté deux histoires : gardez ce fichier comme preuve.",
  "why.receipt_other_request": "Une entrée appartient à une autre demande que celle du fichier.",
  "why.receipt_not_shredded": "Le fichier se dit complet, mais l’effacement de chaque objet n’est pas prouvé.",
  "why.receipt_cut":
    "Le fichier se dit complet, mais il manque des objets demandés : une entrée a été retirée.",
  "why.receipt_epochs": "Le fichier se dit final, mais la destruction de chaque clé n’est pas prouvée.",
  "why.proof_long": "Une preuve est plus longue qu’aucune ne peut l’être.",
  "why.proof_version": "Une preuve n’est pas un tlog-proof C2SP de version 1.",
  "why.proof_line": "Une ligne d’une preuve est mal formée.",
  "why.proof_malformed": "Une preuve parle d’une entrée au-delà de la fin de son registre.",
  "why.proof_path_long": "Une preuve est plus longue que son registre n’est haut.",
  "why.proof_not_in_tree":
    "Une entrée n’est pas dans le registre signé : l’entrée, sa preuve ou la racine a été changée.",
  "why.note_text": "Un point de contrôle est trop long, ou a des caractères qu’il ne peut pas avoir.",
  "why.note_no_signature": "Un point de contrôle n’est pas signé.",
  "why.note_many": "Un point de contrôle a trop de signatures.",
  "why.note_line": "Une ligne de signature est mal formée.",
  "why.note_no_key": "Aucune clé n’a été donnée.",
  "why.note_unsigned":
    "Il n’est pas signé par la clé {key}. Un autre registre, ou une autre clé que la vôtre.",
  "why.note_signature": "La signature de la clé {key} n’est pas valable : ce qui avait été signé a été changé.",
  "why.note_lines": "Un point de contrôle n’a pas exactement trois lignes.",
  "why.note_malformed": "Le nom, la taille ou la racine d’un point de contrôle est mal formé.",
  "why.note_other_ledger": "Il vient du registre {origin}, et aucune des clés données ne porte ce nom.",
  "why.key_none": "Donnez les clés publiques du registre.",
  "why.key_long": "C’est plus que ne font des clés.",
  "why.key_unknown": "Ceci n’est pas une clé de registre : {line}",
  "why.key_mistyped": "Cette clé est mal recopiée, un caractère est faux : {line}",
  "why.unreadable": "Le fichier n’a pas pu être lu.",
};
