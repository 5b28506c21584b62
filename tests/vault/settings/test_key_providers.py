"""Sections for holders of epoch keys that are not a file."""

import pytest
from pydantic import ValidationError

from vault.settings import Pkcs11Settings


@pytest.mark.parametrize("label", ["", "a/b", "a b", "x" * 65, "é"])
def test_a_label_that_tokens_could_take_amiss_is_refused(label: str) -> None:
    """It becomes part of the names of keys."""
    with pytest.raises(ValidationError):
        Pkcs11Settings(label=label)
