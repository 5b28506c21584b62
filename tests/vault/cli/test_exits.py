"""Exit codes: every error of the house has one."""

import pytest

from crypto.errors import CryptoError
from storage.errors import MisplacedError, StorageError
from vault.cli.exits import MEANINGS, CommandError, Exit, exit_of, lines_of
from vault.errors import (
    ConfigurationError,
    ConflictError,
    DependencyError,
    ForbiddenError,
    NotFoundError,
    RefusedByPolicyError,
    SchemaTooNewError,
)
from vault.settings.errors import SettingsError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError(["x"]), Exit.CONFIGURATION),
        (ConfigurationError("x"), Exit.CONFIGURATION),
        (SchemaTooNewError("x"), Exit.CONFIGURATION),
        (DependencyError("x"), Exit.UNREACHABLE),
        (StorageError("x"), Exit.UNREACHABLE),
        (RefusedByPolicyError("x"), Exit.REFUSED),
        (MisplacedError("x"), Exit.REFUSED),
        (ForbiddenError("x"), Exit.REFUSED),
        (NotFoundError("x"), Exit.FAILED),
        (ConflictError("x"), Exit.FAILED),
        (CryptoError("x"), Exit.FAILED),
        (CommandError("x", code=Exit.USAGE), Exit.USAGE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
def test_an_error_has_the_code_a_script_can_decide_by(error: Exception, code: Exit) -> None:
    """0 ok, 1 failed, 2 usage, 3 configuration, 4 unreachable, 5 refused: docs/OPERATIONS.md."""
    assert exit_of(error) is code


def test_the_codes_are_the_documented_numbers() -> None:
    """Scripts hold numbers, not names."""
    assert {code.name: code.value for code in Exit} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "CONFIGURATION": 3,
        "UNREACHABLE": 4,
        "REFUSED": 5,
    }
    assert set(MEANINGS) == set(Exit)


def test_each_problem_with_the_settings_has_a_line_of_its_own() -> None:
    """A file is mended in one go."""
    assert lines_of(SettingsError(["a", "b"])) == ("a", "b")
    assert lines_of(NotFoundError("nothing here")) == ("nothing here",)
    assert lines_of(ConflictError()) == ("ConflictError",)
