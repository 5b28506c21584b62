"""What may enter associated data: nothing that could forge another line."""

import pytest

from crypto.errors import ParameterError
from crypto.identifiers import checked_counter, checked_part, checked_uuid

TENANT = "01980000-0000-7000-8000-000000000001"


def test_canonical_identifiers_pass_unchanged() -> None:
    """Lower-case UUIDs, short part names, counters of their width."""
    assert checked_uuid(TENANT, name="tenant") == TENANT
    assert checked_part("spool-01980000-7") == "spool-01980000-7"
    assert checked_part("a" * 64) == "a" * 64
    assert checked_counter((1 << 32) - 1, name="gen", bits=32) == (1 << 32) - 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        TENANT.upper().replace("0198", "ABCD"),
        TENANT + "\n",
        TENANT.replace("-", ""),
        "{" + TENANT + "}",
        TENANT[:-1],
        "\N{FULLWIDTH DIGIT ZERO}" + TENANT[1:],
    ],
)
def test_other_spellings_of_an_identifier_are_refused(text: str) -> None:
    """One object has one name: another spelling would be another associated data."""
    with pytest.raises(ParameterError, match="tenant"):
        checked_uuid(text, name="tenant")


@pytest.mark.parametrize("text", ["", "a" * 65, "Media", "a b", "a\n", "a=b", "\u00e9", "a_b"])
def test_a_part_name_that_could_forge_a_line_is_refused(text: str) -> None:
    """No line feed, no equals sign, no upper case, no letter beyond ASCII."""
    with pytest.raises(ParameterError, match="part"):
        checked_part(text)


@pytest.mark.parametrize("value", [-1, 1 << 32])
def test_a_counter_beyond_its_width_is_refused(value: int) -> None:
    """Numbers wrap silently in fixed-width formats; here they are refused."""
    with pytest.raises(ParameterError, match="gen"):
        checked_counter(value, name="gen", bits=32)
