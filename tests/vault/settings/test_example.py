"""The example file: written from the schema, held equal to it."""

import re
import tomllib
from pathlib import Path

import pytest

from vault.settings import Settings
from vault.settings.example import REQUIRED, example_toml, toml_value
from vault.settings.sources import fields, is_secret

COMMITTED = Path(__file__).parents[3] / "config" / "callvault.example.toml"


def with_marks_taken_away() -> dict[str, dict[str, object]]:
    """Read the example with every line switched on."""
    return tomllib.loads(re.sub(r"(?m)^#(?=[a-z_0-9]+ = )", "", example_toml()))


def test_the_committed_example_is_the_one_the_program_prints() -> None:
    """config/callvault.example.toml: after a change of the schema, `callvault config example` again."""
    assert COMMITTED.read_text() == example_toml()


def test_the_example_as_it_stands_changes_nothing() -> None:
    """Every line is commented out: the file alone gives the defaults."""
    assert Settings.model_validate(tomllib.loads(example_toml())) == Settings()


def test_every_setting_stands_in_the_example_with_its_default() -> None:
    """Switched on, the lines are the defaults, those apart that show a form to fill in."""
    told = with_marks_taken_away()
    settings = Settings.model_validate(told)
    for name, field in fields().items():
        if is_secret(field):
            assert name.key not in told[name.section]
            assert name.variable in example_toml()
        elif name in REQUIRED:
            assert told[name.section][name.key] == REQUIRED[name]
        else:
            section, default = getattr(settings, name.section), getattr(Settings(), name.section)
            assert getattr(section, name.key) == getattr(default, name.key)


@pytest.mark.parametrize(
    "value", [True, 3, 14_400.0, 0.5, 'a"b\\c', ("a", "b"), (), {"lab-1": "FR"}, {}, Path("/x y/z")]
)
def test_a_value_written_as_toml_reads_back(value: object) -> None:
    """What `dev` leaves in its folder is read by the other commands."""
    read = tomllib.loads(f"it = {toml_value(value)}")["it"]
    assert read == (
        list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
    )
