"""The sentences of single faults in French; English comes with the fault."""
# ruff: noqa: RUF001  # French has an apostrophe of its own

from typing import Final

from vault.errors import Fault
from vault.http.language import Language

_FRENCH: Final = {
    "missing": "Ce champ est obligatoire",
    "extra_forbidden": "Ce champ n’existe pas ici",
    "repeated": "Ce paramètre ne peut être donné qu’une fois",
    "string_type": "Un texte est attendu",
    "string_too_short": "Ce texte est trop court",
    "string_too_long": "Ce texte est trop long",
    "string_pattern_mismatch": "Ce texte n’a pas la forme attendue",
    "int_type": "Un nombre entier est attendu",
    "int_parsing": "Un nombre entier est attendu",
    "int_from_float": "Un nombre entier est attendu",
    "bool_type": "true ou false est attendu",
    "bool_parsing": "true ou false est attendu",
    "list_type": "Une liste est attendue",
    "dict_type": "Un objet est attendu",
    "model_type": "Un objet est attendu",
    "model_attributes_type": "Un objet est attendu",
    "too_short": "Cette liste est trop courte",
    "too_long": "Cette liste est trop longue",
    "greater_than_equal": "Cette valeur est trop petite",
    "greater_than": "Cette valeur est trop petite",
    "less_than_equal": "Cette valeur est trop grande",
    "less_than": "Cette valeur est trop grande",
    "enum": "Cette valeur n’est pas dans la liste",
    "literal_error": "Cette valeur n’est pas dans la liste",
    "not_an_origin": "Écrivez le schéma et l’hôte en minuscules, comme https://example.org",
    "not_a_button": "Nommez un bouton actif de votre société",
    "not_a_team": "Nommez une équipe de votre société",
    "not_answering": "Nommez une personne de votre société qui répond aux appels",
    "cursor": "Ce curseur n’est pas de cette liste",
}
_OTHERWISE: Final = "Cette valeur n’est pas acceptée"


def fault_sentence(fault: Fault, language: Language) -> str:
    """Tell what is wrong with one field, in the caller's language."""
    return fault.detail if language == "en" else _FRENCH.get(fault.code, _OTHERWISE)
