"""The schema's own rules."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from vault.settings import ServerSettings, Settings, StorageSettings


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///srv/objects", Path("/srv/objects")),
        ("file:///./objects", Path("objects")),
        ("file:///srv/two%20words", Path("/srv/two words")),
        ("s3://bucket?region=eu-west-3", None),
    ],
)
def test_the_folder_of_a_file_store_is_absolute_unless_it_says_here(url: str, folder: Path | None) -> None:
    """The default, ``file:///./objects``, lies in the working folder and not in the root."""
    assert StorageSettings(url=url).folder() == folder


def test_s3_options_name_bucket_region_and_endpoint() -> None:
    """One URL says it all; without a region there is nothing to prove."""
    found = StorageSettings(url="s3://bucket?region=eu-west-3&endpoint=https://s3.example").s3_options()
    assert found == ("bucket", "eu-west-3", "https://s3.example")
    with pytest.raises(ValueError, match="write storage"):
        StorageSettings(url="s3://bucket").s3_options()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"credentials_file": "a", "access_key": "b", "secret_key": "c"}, "write one, not both"),
        ({"credentials_file": "a", "secret_key": "c"}, "write one, not both"),
        ({"access_key": "b"}, "come together"),
        ({"secret_key": "c"}, "come together"),
    ],
)
def test_a_store_s_credentials_are_told_in_one_way(told: dict[str, str], words: str) -> None:
    """Of two pairs one would be wrong; half a pair would be filled up from the environment in silence."""
    with pytest.raises(ValidationError, match=words):
        StorageSettings.model_validate(told)
    for good in ({}, {"credentials_file": "a"}, {"access_key": "b", "secret_key": "c"}):
        StorageSettings.model_validate(good)


def test_a_public_url_is_scheme_and_host_only() -> None:
    """Cookies and CORS rest on an origin: a path or a query would be lost in silence."""
    assert ServerSettings(public_url="https://calls.example.org/").public_url == "https://calls.example.org"
    for wrong in (
        "calls.example.org",
        "ftp://x",
        "https://x/path",
        "https://x?y=1",
        "https://x#y",
        "https://",
        "https://:443",
        "https://name:secret@x",
        "https://x:port",
        "https://[",
        "https://é.example",
    ):
        with pytest.raises(ValidationError):
            ServerSettings(public_url=wrong)


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://Calls.Example.org", "https://calls.example.org"),
        ("https://calls.example.org:443/", "https://calls.example.org"),
        ("HTTPS://calls.example.org:8443", "https://calls.example.org:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_public_url_is_spelt_as_browsers_spell_an_origin(written: str, origin: str) -> None:
    """RFC 6454, 6.2: lower case, no usual port; else no request of a browser would look like ours."""
    assert ServerSettings(public_url=written).public_url == origin


def test_settings_cannot_change_after_they_were_read() -> None:
    """What was checked at the start is what runs."""
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.server.port = 1  # type: ignore[misc]  # frozen, which is what this asks


def test_every_setting_says_what_it_is() -> None:
    """The example and the manual are written from these sentences."""
    mute = [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key, inner in field.annotation.model_fields.items()  # type: ignore[union-attr]  # all are sections
        if not inner.description
    ]
    assert mute == []
