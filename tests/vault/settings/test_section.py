"""What all sections of the settings share."""

import pytest
from pydantic import ValidationError

from vault.settings.section import Section


class Small(Section):
    """A section of this test."""

    number: int = 1


def test_a_section_takes_no_unknown_name_and_no_later_change() -> None:
    """A misspelt setting is an error, and what was read stays."""
    with pytest.raises(ValidationError):
        Small.model_validate({"numbre": 2})
    with pytest.raises(ValidationError):
        Small().number = 2  # type: ignore[misc]  # frozen
