"""Where settings come from: order, origins, refusals."""

from pathlib import Path

import pytest

from vault.settings import Settings
from vault.settings.errors import SettingsError
from vault.settings.sources import (
    Loaded,
    Name,
    fields,
    is_secret,
    load_settings,
    sections,
    settings_file,
)

PORT = Name("server", "port")


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """A settings file."""
    path = tmp_path / "callvault.toml"
    path.write_text('[server]\nport = 1111\nhost = "127.0.0.2"\n[media]\naddresses = ["10.0.0.1"]\n')
    return path


def load(environ: dict[str, str], **more: object) -> Loaded:
    """Load without looking into the working folder."""
    return load_settings(environ=environ, working_folder=False, **more)  # type: ignore[arg-type]  # rows of a table


def refusal(environ: dict[str, str], **more: object) -> str:
    """Load what must be refused, and give the problems."""
    with pytest.raises(SettingsError) as refused:
        load(environ, **more)
    return "\n".join(refused.value.problems)


def test_without_a_source_every_setting_is_its_default() -> None:
    """The schema's defaults speak last."""
    loaded = load({})
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}


def test_the_command_line_outweighs_the_environment_the_file_and_the_defaults(toml: Path) -> None:
    """The first source in the list wins, and is named."""
    environ = {"CALLVAULT_SERVER__PORT": "2222"}
    assert load({}, file=toml, defaults={PORT: 9}, defaults_name="development").settings.server.port == 1111
    assert load(environ, file=toml).settings.server.port == 2222
    loaded = load(environ, file=toml, given={PORT: 3333})
    assert (loaded.settings.server.port, loaded.origins[PORT]) == (3333, "command line")
    assert loaded.origins[Name("server", "host")] == str(toml)
    assert loaded.origins[Name("server", "drain_s")] == "default"


def test_defaults_of_a_command_are_named_after_it() -> None:
    """`dev` brings defaults of its own; `config show` says so."""
    loaded = load({}, defaults={PORT: 9}, defaults_name="development")
    assert loaded.origins[PORT] == "development"


def test_a_secret_is_read_from_the_file_that_a_variable_names(tmp_path: Path) -> None:
    """``…_FILE`` works for secrets, without the editor's last line break."""
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    loaded = load({"CALLVAULT_DATABASE__PASSWORD_FILE": str(secret)})
    assert loaded.settings.database.password is not None
    assert loaded.settings.database.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(loaded)


def test_a_file_variable_for_what_is_no_secret_is_refused(tmp_path: Path) -> None:
    """Only secrets come in files: ``CALLVAULT_SERVER__PORT_FILE`` is a mistake."""
    assert "CALLVAULT_SERVER__PORT_FILE is no setting" in refusal({"CALLVAULT_SERVER__PORT_FILE": "x"})


def test_a_missing_secret_file_is_named_by_its_variable(tmp_path: Path) -> None:
    """The line says which variable to mend."""
    said = refusal({"CALLVAULT_DATABASE__PASSWORD_FILE": str(tmp_path / "none")})
    assert "CALLVAULT_DATABASE__PASSWORD_FILE names a file that cannot be read" in said


def test_files_of_the_secrets_folder_are_settings_by_their_names(tmp_path: Path) -> None:
    """``SECTION__KEY`` in either case; what begins with a dot is the orchestrator's."""
    (tmp_path / "storage__secret_key").write_text("a-secret")
    (tmp_path / "storage__access_key").write_text("a-name")
    (tmp_path / "KEYS__DATABASE_PASSWORD").write_text("another\n")
    (tmp_path / "..data").mkdir()
    loaded = load({"CALLVAULT_SECRETS_DIR": str(tmp_path)})
    assert loaded.settings.storage.secret_key is not None
    assert loaded.settings.storage.secret_key.get_secret_value() == "a-secret"
    assert loaded.origins[Name("keys", "database_password")] == f"secrets in {tmp_path}"


def test_a_stranger_in_the_secrets_folder_is_refused(tmp_path: Path) -> None:
    """A misspelt secret would otherwise be missing in silence."""
    (tmp_path / "storage__secretkey").write_text("a-secret")
    said = refusal({"CALLVAULT_SECRETS_DIR": str(tmp_path)})
    assert "is named like no setting (did you mean STORAGE__SECRET_KEY?)" in said
    assert "a-secret" not in said


@pytest.mark.parametrize(
    "name", ["CALLVAULT_PROT", "CALLVAULT_SERVER__PROT", "CALLVAULT_SERVER", "CALLVAULT_X__Y"]
)
def test_an_unknown_variable_is_refused_by_name(name: str) -> None:
    """No variable of ours is dropped without a word, misspelt section or key."""
    assert name in refusal({name: "1"})


def test_variables_of_the_repository_s_tools_are_left_alone() -> None:
    """CONTRIBUTING.md names them; they are no settings."""
    assert load({"CALLVAULT_TEST_SOAK": "1", "CALLVAULT_PYTHON": "python3"}).settings == Settings()


def test_a_list_may_be_written_with_commas_or_as_json() -> None:
    """What a shell makes easy, and what is exact."""
    name = "CALLVAULT_MEDIA__ADDRESSES"
    assert load({name: "10.0.0.1, ::1"}).settings.media.addresses == ("10.0.0.1", "::1")
    assert load({name: '["10.0.0.1"]'}).settings.media.addresses == ("10.0.0.1",)
    regions = load({"CALLVAULT_STORAGE__REGIONS": '{"lab-1": "FR"}'}).settings.storage.regions
    assert regions == {"lab-1": "FR"}


def test_broken_json_in_a_variable_is_named_by_its_variable() -> None:
    """The line names the variable and not its value."""
    said = refusal({"CALLVAULT_STORAGE__REGIONS": '{"lab-1": secret'})
    assert "CALLVAULT_STORAGE__REGIONS" in said
    assert "secret" not in said


def test_unknown_keys_and_sections_of_the_file_are_all_told_at_once(tmp_path: Path) -> None:
    """A file is mended in one go: each stranger has its line, with the nearest name."""
    path = tmp_path / "wrong.toml"
    path.write_text("[server]\nprot = 1\n[sever]\nport = 1\n[storage]\ncontry = 'FR'\n")
    said = refusal({}, file=path)
    assert "server.prot is no setting (did you mean server.port?)" in said
    assert "[sever] is no section (did you mean server?)" in said
    assert "storage.contry is no setting (did you mean storage.country?)" in said


def test_a_value_that_does_not_fit_is_named_with_its_source_and_without_itself() -> None:
    """What was written may be a secret in the wrong place: it is not repeated."""
    said = refusal({"CALLVAULT_SERVER__PORT": "correct-horse", "CALLVAULT_SERVER__PUBLIC_URL": "ftp://x/y"})
    assert "server.port (environment):" in said
    assert "server.public_url (environment): write scheme and host only" in said
    assert "correct-horse" not in said


@pytest.mark.parametrize("content", [b"[server", b"\xff\xfe", b"server = 1"])
def test_a_file_that_is_no_settings_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Not TOML, not text, not sections: each is one problem, none a crash."""
    path = tmp_path / "odd.toml"
    path.write_bytes(content)
    assert str(path) in refusal({}, file=path)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    """On the command line or in ``CALLVAULT_CONFIG_FILE``: a typing error is not an empty file."""
    gone = tmp_path / "gone.toml"
    assert "cannot be read" in refusal({}, file=gone)
    assert "cannot be read" in refusal({"CALLVAULT_CONFIG_FILE": str(gone)})


def test_the_working_folder_s_file_is_read_where_there_is_one(
    toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``callvault.toml`` beside us needs no option; ``dev`` does not look there."""
    monkeypatch.chdir(toml.parent)
    assert load_settings(environ={}).settings.server.port == 1111
    assert load_settings(environ={}, working_folder=False).settings.server.port == 8080
    assert settings_file({"CALLVAULT_CONFIG_FILE": "other.toml"}, None) == Path("other.toml")


def test_every_setting_can_be_set_by_its_variable() -> None:
    """Names are two levels deep and unlike each other, so that a variable means one setting."""
    assert {name.section for name in fields()} == set(sections())
    variables = [name.variable for name in fields()]
    assert len(variables) == len(set(variables))
    assert [str(name) for name, field in fields().items() if is_secret(field)] == [
        "database.password",
        "keys.database_password",
        "keys.passphrase",
        "awskms.access_key",
        "awskms.secret_key",
        "pkcs11.pin",
        "storage.access_key",
        "storage.secret_key",
        "media.turn_secret",
        "mail.password",
    ]
