"""The sentences of single faults, in both languages."""

from typing import get_args

import pytest
from pydantic_core.core_schema import ErrorType

from vault.errors import Fault
from vault.http.fault_words import _FRENCH, fault_sentence

# Told by door and rooms, not by models.
OUR_CODES = {"repeated", "cursor", "not_an_origin", "not_answering", "not_a_button", "not_a_team"}


@pytest.mark.parametrize("code", _FRENCH)
def test_every_sentence_belongs_to_a_fault_that_can_happen(code: str) -> None:
    """A misspelt code would leave its fault with the general sentence, unnoticed."""
    assert code in OUR_CODES | set(get_args(ErrorType))


@pytest.mark.parametrize("code", [*_FRENCH, "a code of a later release"])
def test_a_fault_has_a_sentence_in_the_callers_language(code: str) -> None:
    """English comes with the fault; French never falls back to it."""
    fault = Fault("#/name", code, "the English sentence")
    assert fault_sentence(fault, "en") == "the English sentence"
    french = fault_sentence(fault, "fr")
    assert french
    assert french != "the English sentence"
