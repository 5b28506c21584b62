"""What `serve` refuses before it opens anything."""

from pathlib import Path

import pytest

from vault.cli.checks import cautions, findings, is_loopback, require_startable
from vault.cli.exits import CommandError, Exit
from vault.cli.keyfiles import make_key_files
from vault.settings import BackupSettings, KeysSettings, ReplicaSettings, Settings
from vault.settings.sources import Name, load_settings

LYON = {"name": "lyon", "url": "file:///srv/a", "country": "FR"}


@pytest.fixture
async def good(config: Path) -> Settings:
    """Settings and keys with nothing wrong."""
    settings = load_settings(environ={}, file=config).settings
    await make_key_files(settings)
    return settings


def changed(config: Path, name: str, value: object) -> Settings:
    """Give the same settings with one of them changed."""
    section, key = name.split(".")
    return load_settings(environ={}, file=config, given={Name(section, key): value}).settings


async def test_good_settings_and_keys_are_startable(good: Settings) -> None:
    """Nothing found, nothing said."""
    assert findings(good) == []
    require_startable(good)


@pytest.mark.parametrize(
    ("name", "value", "code", "says"),
    [
        ("server.public_url", "", Exit.CONFIGURATION, "server.public_url is missing"),
        ("server.public_url", "http://calls.example.org", Exit.CONFIGURATION, "begin with https://"),
        ("storage.country", "", Exit.CONFIGURATION, "storage.country is missing"),
        ("storage.country", "US", Exit.REFUSED, "not in the EU"),
        ("storage.country", "CH", Exit.REFUSED, "not in the EU"),
        ("storage.url", "s3://bucket", Exit.CONFIGURATION, "s3://bucket?region="),
        ("storage.url", "ftp://host/x", Exit.CONFIGURATION, "file:// or s3://"),
        ("media.port_first", 50_000, Exit.CONFIGURATION, "name a range"),
    ],
)
async def test_each_unfit_setting_is_found_and_its_line_says_what_to_do(
    good: Settings, config: Path, name: str, value: object, code: Exit, says: str
) -> None:
    """Fail closed: one finding, with the code a script can decide by."""
    ((found, line),) = findings(changed(config, name, value))
    assert found is code
    assert says in line


async def test_a_trial_over_plain_http_is_fine_on_loopback_only(good: Settings, config: Path) -> None:
    """Browsers treat 127.0.0.1 as secure, and nothing else without TLS."""
    assert findings(changed(config, "server.public_url", "http://127.0.0.1:8080")) == []
    assert is_loopback("localhost")
    assert is_loopback("[::1]")
    assert not is_loopback("127.0.0.1.example.org")


async def test_a_key_file_that_others_may_read_is_refused(good: Settings) -> None:
    """The line has the command that mends it."""
    good.keys.key_file.chmod(0o640)
    ((code, line),) = findings(good)
    assert code is Exit.CONFIGURATION
    assert f"chmod 600 {good.keys.key_file}" in line


async def test_a_missing_key_file_is_told_unless_it_will_be_made(good: Settings) -> None:
    """`serve --make-keys` makes them; without it nothing is made behind one's back."""
    good.sessions.key_file.unlink()
    ((code, line),) = findings(good)
    assert code is Exit.CONFIGURATION
    assert "callvault keys init" in line
    assert findings(good, keys_needed=False) == []


async def test_two_keys_in_one_file_are_refused(good: Settings, config: Path) -> None:
    """The second would overwrite the first."""
    twice = changed(config, "ledger.key_file", good.keys.key_file)
    assert any("file of its own" in line for _, line in findings(twice))


async def test_keys_that_dev_made_are_refused_wherever_they_were_copied_to(config: Path) -> None:
    """The marker can be left behind; the ledger key carries its origin with it."""
    settings = load_settings(environ={}, file=config).settings
    await make_key_files(settings, development=True)
    with pytest.raises(CommandError) as refused:
        require_startable(settings)
    assert refused.value.code is Exit.REFUSED
    assert "`callvault dev` made" in refused.value.lines[0]


async def test_all_findings_are_told_at_once_and_the_gravest_gives_the_code(
    good: Settings, config: Path
) -> None:
    """An operator mends everything in one go."""
    good.keys.key_file.chmod(0o644)
    with pytest.raises(CommandError) as refused:
        require_startable(changed(config, "storage.country", "US"))
    assert len(refused.value.lines) == 2
    assert refused.value.code is Exit.REFUSED


@pytest.mark.parametrize(
    ("url", "host", "proxies", "told"),
    [
        ("https://calls.example.org", "127.0.0.1", (), True),
        ("https://calls.example.org", "10.1.2.3", (), True),
        ("https://calls.example.org", "0.0.0.0", (), True),  # noqa: S104  # a container listens so
        ("https://calls.example.org", "127.0.0.1", ("127.0.0.1",), False),
        ("http://127.0.0.1:8080", "127.0.0.1", (), False),
    ],
)
def test_a_proxy_that_is_not_named_is_told_before_it_hurts(
    config: Path, url: str, host: str, proxies: tuple[str, ...], *, told: bool
) -> None:
    """Unnamed, it makes all callers one address: one of them would use up everybody's limits."""
    given = {
        Name("server", "public_url"): url,
        Name("server", "host"): host,
        Name("server", "trusted_proxies"): proxies,
    }
    settings = load_settings(environ={}, file=config, given=given).settings
    assert any("trusted_proxies" in caution for caution in cautions(settings)) is told


@pytest.mark.parametrize(
    ("url", "more", "least", "told"),
    [
        ("", "", 2, True),
        ("file:///srv/backups", "", 2, True),
        ("file:///srv/backups", "", 1, False),
        ("file:///srv/backups", "file:///srv/others", 2, True),  # a folder on the same disk
        ("file:///srv/backups", "s3://keys?region=eu-west-3", 2, False),
        ("file:///srv/backups", "s3://keys?region=eu-west-3", 3, True),
    ],
)
def test_a_vault_whose_epochs_cannot_end_says_so_at_the_start(
    url: str, more: str, least: int, *, told: bool
) -> None:
    """Receipts would promise what nobody brings about."""
    replicas = (ReplicaSettings(name="lyon", url=more),) if more else ()
    settings = Settings(
        keys=KeysSettings(least_copies=least), backup=BackupSettings(keys_url=url, keys_replicas=replicas)
    )
    assert any("no epoch ends" in caution for caution in cautions(settings)) is told


@pytest.mark.parametrize(
    ("told", "words", "code"),
    [
        ({"keys_url": "file:///srv/a"}, "backup.country is missing", Exit.CONFIGURATION),
        ({"keys_url": "file:///srv/a", "country": "US"}, "backup.country is not in the EU", Exit.REFUSED),
        ({"keys_url": "http://x"}, "backup.keys_url begins with", Exit.CONFIGURATION),
        ({"keys_replicas": [LYON | {"country": "US"}]}, "backup.keys_replicas, lyon.country", Exit.REFUSED),
        (
            {"keys_replicas": [LYON | {"credentials_file": "/nowhere"}]},
            "/nowhere is missing",
            Exit.CONFIGURATION,
        ),
        (
            {"keys_url": "file:///srv", "country": "FR", "keys_replicas": [LYON]},
            "a copy beside itself",
            Exit.CONFIGURATION,
        ),
    ],
)
def test_a_place_of_backups_is_held_to_what_a_place_of_objects_is(
    good: Settings, told: dict[str, object], words: str, code: Exit
) -> None:
    """Its country, its address, its keys, and that it is no second name of another."""
    settings = good.model_copy(update={"backup": BackupSettings.model_validate(told)})
    ((found, said),) = findings(settings)
    assert words in said
    assert found is code
