"""The catalogue of problems: code, status, title and detail in English and French.

A test holds it equal to the codes of the program; ``/docs/problems`` shows it.
"""
# ruff: noqa: RUF001  # French has an apostrophe of its own

from dataclasses import dataclass
from typing import Final

from vault.http.language import Language


@dataclass(frozen=True, slots=True)
class Words:
    """One language of a row."""

    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Row:
    """One problem: its HTTP status and its words."""

    status: int
    words: dict[Language, Words]


def _row(status: int, title: tuple[str, str], detail: tuple[str, str]) -> Row:
    return Row(status, {"en": Words(title[0], detail[0]), "fr": Words(title[1], detail[1])})


_OURS_EN: Final = "The fault is on our side. Try again; if it stays, give the operator the instance id."
_OURS_FR: Final = (
    "La faute est de notre côté. Réessayez ; si cela persiste, "
    "donnez l’identifiant d’instance à l’exploitant."
)
_OURS: Final = (_OURS_EN, _OURS_FR)

PROBLEMS: Final[dict[str, Row]] = {
    # the caller asks differently
    "malformed": _row(
        400,
        ("Malformed request", "Requête mal formée"),
        (
            "The bytes are not well-formed for what they claim to be. Send well-formed ones.",
            "Les octets ne sont pas conformes au format annoncé. Envoyez-les bien formés.",
        ),
    ),
    "unauthenticated": _row(
        401,
        ("Not signed in", "Non identifié"),
        (
            "Sign in, or send a valid bearer token.",
            "Connectez-vous, ou envoyez un jeton porteur valide.",
        ),
    ),
    "token_refused": _row(
        401,
        ("Token refused", "Jeton refusé"),
        (
            "The token is not valid here, or no longer. Get a new one.",
            "Le jeton n’est pas valable ici, ou ne l’est plus. Demandez-en un nouveau.",
        ),
    ),
    "forbidden": _row(
        403,
        ("Not allowed", "Non autorisé"),
        (
            "Your role does not allow this. Ask an administrator of your company.",
            "Votre rôle ne le permet pas. Adressez-vous à un administrateur de votre société.",
        ),
    ),
    "origin_refused": _row(
        403,
        ("Page not on the list", "Page absente de la liste"),
        (
            "The page that asks is not an allowed origin of this button.",
            "La page qui demande n’est pas une origine autorisée de ce bouton.",
        ),
    ),
    "visitor_token": _row(
        403,
        ("Visitor's token refused", "Jeton de visiteur refusé"),
        (
            "The visitor is not signed for; reason says why. Have your server sign a new token.",
            "Le visiteur n’est pas attesté ; reason dit pourquoi. Faites signer un nouveau jeton.",
        ),
    ),
    "cross_site": _row(
        403,
        ("Sent by another site", "Envoyé par un autre site"),
        (
            "A browser session may act only from the vault's own pages.",
            "Une session de navigateur ne peut agir que depuis les pages du coffre.",
        ),
    ),
    "refused_by_policy": _row(
        403,
        ("Refused by a rule of the house", "Refusé par une règle de la maison"),
        (
            "A rule of this installation forbids it. The operator can tell which.",
            "Une règle de cette installation l’interdit. L’exploitant peut dire laquelle.",
        ),
    ),
    "not_found": _row(
        404,
        ("Not found", "Introuvable"),
        ("There is no such thing here.", "Rien de tel ici."),
    ),
    "restricted": _row(
        409,
        ("Processing restricted", "Traitement limité"),
        (
            "It is kept, and neither opened nor erased, until the restriction is lifted (Art. 18 GDPR).",
            "Conservé, ni ouvert ni effacé, jusqu’à la levée de la limitation (art. 18 RGPD).",
        ),
    ),
    "second_person": _row(
        409,
        ("It takes a second person", "Il faut une seconde personne"),
        (
            "Who asked cannot confirm. Somebody else of your company does.",
            "Qui a demandé ne peut pas confirmer. Une autre personne de votre société le fait.",
        ),
    ),
    "link_dead": _row(
        404,
        ("Link no longer valid", "Lien expiré"),
        (
            "The link has expired or was revoked. Make a new one.",
            "Le lien a expiré ou a été révoqué. Créez-en un nouveau.",
        ),
    ),
    "method_not_allowed": _row(
        405,
        ("Method not allowed", "Méthode non permise"),
        ("Use one of the methods that Allow lists.", "Utilisez une des méthodes que liste Allow."),
    ),
    "request_timeout": _row(
        408,
        ("Request too slow", "Requête trop lente"),
        (
            "The body did not arrive in time. Send it again.",
            "Le corps n’est pas arrivé à temps. Renvoyez-le.",
        ),
    ),
    "conflict": _row(
        409,
        ("Not possible in this state", "Impossible dans cet état"),
        ("Read it again, then decide.", "Relisez-le, puis décidez."),
    ),
    "illegal_move": _row(
        409,
        ("Not possible in this state", "Impossible dans cet état"),
        (
            "The state it is in does not allow this step.",
            "Son état actuel ne permet pas cette étape.",
        ),
    ),
    "consent_missing": _row(
        409,
        ("Notice not answered", "Notice sans réponse"),
        (
            "The visitor has not answered the notice yet.",
            "Le visiteur n’a pas encore répondu à la notice.",
        ),
    ),
    "notice_changed": _row(
        409,
        ("Notice has changed", "La notice a changé"),
        (
            "The answer is to another notice than the one shown. Show it again.",
            "La réponse porte sur une autre notice que celle de l’appel. Affichez-la de nouveau.",
        ),
    ),
    "chat_paused": _row(
        409,
        ("Chat is off during a pause", "Discussion coupée pendant une pause"),
        (
            "The chat is off while the recording is paused. Nothing was sent.",
            "La discussion est coupée pendant la pause de l’enregistrement. Rien n’a été envoyé.",
        ),
    ),
    "idempotency_conflict": _row(
        409,
        ("Idempotency key in use", "Clé d’idempotence déjà utilisée"),
        (
            "The key came with another request before, or its first request is still running.",
            "La clé a déjà servi à une autre requête, ou sa première requête est encore en cours.",
        ),
    ),
    "erased": _row(
        410,
        ("Erased", "Effacé"),
        (
            "It was here and has been erased. The receipt tells when.",
            "L’objet était ici et a été effacé. Le reçu indique quand.",
        ),
    ),
    "key_forgotten": _row(
        410,
        ("Key forgotten", "Clé oubliée"),
        (
            "Its key has been forgotten: nobody can open it.",
            "Sa clé a été oubliée : personne ne peut l’ouvrir.",
        ),
    ),
    "precondition_failed": _row(
        412,
        ("Changed meanwhile", "Modifié entre-temps"),
        (
            "The ETag sent is not the current one. Read the resource again.",
            "L’ETag envoyé n’est pas l’actuel. Relisez la ressource.",
        ),
    ),
    "too_large": _row(
        413,
        ("Too large", "Trop grand"),
        ("The body is over the limit of this route.", "Le corps dépasse la limite de cette route."),
    ),
    "unsupported_media_type": _row(
        415,
        ("Content type not accepted", "Type de contenu non accepté"),
        (
            "Send the content type this route documents, without content coding.",
            "Envoyez le type de contenu que documente cette route, sans codage de contenu.",
        ),
    ),
    "range_not_satisfiable": _row(
        416,
        ("Range outside the media", "Plage hors du média"),
        ("Ask for bytes inside size_bytes.", "Demandez des octets à l’intérieur de size_bytes."),
    ),
    "invalid": _row(
        422,
        ("Does not fit its schema", "Non conforme au schéma"),
        (
            "The request is well formed but does not fit its schema; errors says where.",
            "La requête est bien formée mais non conforme au schéma ; errors dit où.",
        ),
    ),
    "offer_refused": _row(
        422,
        ("Offer refused", "Offre refusée"),
        (
            "The SDP offer breaks a rule; reason names it.",
            "L’offre SDP enfreint une règle ; reason la nomme.",
        ),
    ),
    "receipt_invalid": _row(
        422,
        ("Receipt does not verify", "Reçu non vérifiable"),
        (
            "The receipt does not verify against the key given.",
            "Le reçu ne se vérifie pas avec la clé donnée.",
        ),
    ),
    "upgrade_required": _row(
        426,
        ("WebSocket needed", "WebSocket requis"),
        (
            "This path speaks WebSocket only, version 13. Open it with the subprotocol that is documented.",
            "Ce chemin ne parle que WebSocket, version 13. Ouvrez-le avec le sous-protocole documenté.",
        ),
    ),
    "precondition_required": _row(
        428,
        ("If-Match needed", "If-Match requis"),
        ("Send If-Match with the resource's ETag.", "Envoyez If-Match avec l’ETag de la ressource."),
    ),
    "too_many_requests": _row(
        429,
        ("Too many requests", "Trop de requêtes"),
        ("Wait as long as Retry-After says.", "Attendez le temps qu’indique Retry-After."),
    ),
    "too_many_legs": _row(
        429,
        ("Too many calls at once", "Trop d’appels à la fois"),
        (
            "Your address has as many calls running as one may have. End one, or wait.",
            "Votre adresse a déjà autant d’appels que permis. Terminez-en un ou attendez.",
        ),
    ),
    # we, or the operator, act
    "internal": _row(500, ("Internal error", "Erreur interne"), _OURS),
    "configuration": _row(500, ("Configuration error", "Erreur de configuration"), _OURS),
    "schema_too_new": _row(500, ("Configuration error", "Erreur de configuration"), _OURS),
    "tampered": _row(
        500,
        ("Stored bytes were changed", "Octets stockés modifiés"),
        (
            "What is stored does not match its seal. Nothing of it is served; tell the operator.",
            "Ce qui est stocké ne correspond pas à son sceau. Rien n’en est servi ; prévenez l’exploitant.",
        ),
    ),
    "ledger_broken": _row(
        500,
        ("Ledger does not verify", "Registre non vérifiable"),
        (
            "The ledger does not match a signed checkpoint. Tell the operator.",
            "Le registre ne correspond pas à un point de contrôle signé. Prévenez l’exploitant.",
        ),
    ),
    "derivation_failed": _row(500, ("Preview could not be made", "Aperçu impossible"), _OURS),
    "export_failed": _row(500, ("Export could not be made", "Export impossible"), _OURS),
    "nothing_captured": _row(
        409,
        ("Nothing was recorded", "Rien n’a été enregistré"),
        (
            "No frame of it could be kept.",
            "Aucune image ni aucun son n’a pu être conservé.",
        ),
    ),
    "busy": _row(
        503,
        ("Busy", "Occupé"),
        ("No room now. Try again as Retry-After says.", "Plus de place. Réessayez selon Retry-After."),
    ),
    "dependency_unavailable": _row(503, ("Temporarily unavailable", "Momentanément indisponible"), _OURS),
    "key_provider": _row(503, ("Keys unavailable", "Clés indisponibles"), _OURS),
    "no_space": _row(507, ("Store is full", "Stockage plein"), _OURS),
}
