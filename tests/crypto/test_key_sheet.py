"""A key on paper: typed again it is the same key, and a slip is told with its line."""

import random

import pytest

from crypto.errors import SheetError
from crypto.key_sheet import read_sheet, sheet_lines
from crypto.keys import RingKey

KEY = RingKey.from_bytes(bytes(range(32)))
LINES = sheet_lines(KEY)


def test_a_sheet_is_four_lines_of_four_groups() -> None:
    """The form of docs/FORMAT.md, fixed by one key."""
    assert LINES == (
        "1  000G 40R4 0M30 FXNP",
        "2  104G M2RC 1M70 YGG4",
        "3  208H 44RM 2MB1 E9RS",
        "4  30CH M6RW 3MF1 ZNA5",
    )


@pytest.mark.parametrize(
    "typed",
    [
        "\n".join(LINES),
        "\n\n".join(line.lower() for line in LINES) + "\n",
        "\n".join(line[1:].replace(" ", "") for line in LINES),
        "\n".join(line.replace(" ", "-") for line in LINES),
        "\n".join(line[1:].replace("0", "o").replace("1", "l") for line in LINES),
    ],
    ids=["as printed", "small letters", "without blanks or numbers", "hyphens", "letters for digits"],
)
def test_what_a_person_types_is_read(typed: str) -> None:
    """Case, blanks, line numbers and look-alikes are of no matter."""
    assert read_sheet(typed) == KEY


def test_a_slip_is_told_with_its_line() -> None:
    """Any one letter wrong, two that changed places, a line at another's place."""
    chance = random.Random(4)
    for _ in range(200):
        number = chance.randrange(4)
        line = list(LINES[number])
        at = chance.choice([place for place, letter in enumerate(line) if place > 2 and letter != " "])
        line[at] = chance.choice(
            [letter for letter in "0123456789ABCDEFGHJKMNPQRSTVWXYZ" if letter != line[at]]
        )
        typed = [*LINES]
        typed[number] = "".join(line)
        with pytest.raises(SheetError) as told:
            read_sheet("\n".join(typed))
        assert told.value.line == number + 1
    with pytest.raises(SheetError):
        read_sheet("\n".join(line[1:] for line in (LINES[1], LINES[0], *LINES[2:])))
    for few in ("", LINES[0], "\n".join([*LINES, LINES[0]]), "\n".join(["x", *LINES[1:]])):
        with pytest.raises(SheetError):
            read_sheet(few)


def test_the_words_of_a_refusal_repeat_nothing() -> None:
    """A mistyped key is nearly a key."""
    with pytest.raises(SheetError) as told:
        read_sheet("\n".join([LINES[0][:-1] + "Z", *LINES[1:]]))
    assert LINES[0][3:7] not in str(told.value)
