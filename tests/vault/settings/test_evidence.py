"""What an evidence pack declares comes from the settings, from any source, within bounds."""

from pathlib import Path

import pytest

from vault.settings.errors import SettingsError
from vault.settings.sources import load_settings

HELPER = {"name": "Scaleway SAS", "role": "object storage", "country": "FR"}


def test_sub_processors_are_tables_of_the_file(tmp_path: Path) -> None:
    """An array of tables, as replicas are."""
    file = tmp_path / "callvault.toml"
    file.write_text(
        '[evidence]\nprocessor = "Acme"\n[[evidence.sub_processors]]\n'
        'name = "Scaleway SAS"\nrole = "object storage"\ncountry = "FR"\n'
    )
    told = load_settings(environ={}, file=file).settings.evidence
    assert told.processor == "Acme"
    assert [one.model_dump() for one in told.sub_processors] == [HELPER]


def test_sub_processors_are_json_in_the_environment() -> None:
    """One variable holds the list."""
    text = '[{"name": "Scaleway SAS", "role": "object storage", "country": "FR"}]'
    environ = {"CALLVAULT_EVIDENCE__SUB_PROCESSORS": text}
    told = load_settings(environ=environ, working_folder=False).settings.evidence
    assert [one.model_dump() for one in told.sub_processors] == [HELPER]


@pytest.mark.parametrize(
    "wrong", [{"country": "France"}, {"name": ""}, {"role": "two\nlines"}, {"name": "x" * 201}, {"more": "x"}]
)
def test_what_is_no_line_and_no_country_is_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    """They stand in a signed file and on a page: short lines, two letters, nothing unknown."""
    import json

    environ = {"CALLVAULT_EVIDENCE__SUB_PROCESSORS": json.dumps([HELPER | wrong])}
    with pytest.raises(SettingsError):
        load_settings(environ=environ, working_folder=False)
