"""Exit codes, and the one line that an operator reads beside them (docs/OPERATIONS.md repeats the table)."""

from enum import IntEnum
from typing import Final

from crypto.errors import CryptoError
from storage.errors import MisplacedError, StorageError
from vault.errors import (
    ConfigurationError,
    DependencyError,
    ForbiddenError,
    KeyProviderError,
    NoSpaceError,
    RefusedByPolicyError,
    VaultError,
)
from vault.settings.errors import SettingsError


class Exit(IntEnum):
    """What a script can decide by."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CONFIGURATION = 3
    UNREACHABLE = 4
    REFUSED = 5


MEANINGS: Final = {
    Exit.OK: "done",
    Exit.FAILED: "it did not work, and the line on standard error says why",
    Exit.USAGE: "the command line itself is wrong",
    Exit.CONFIGURATION: "the settings, a key file or a database's schema cannot be used",
    Exit.UNREACHABLE: "a database, the object store or a key provider does not answer",
    Exit.REFUSED: "a rule of the house forbids it: residency, development keys, a role",
}


class CommandError(Exception):
    """A command ends here: ``lines`` go to standard error and ``code`` is the exit code."""

    def __init__(self, *lines: str, code: Exit = Exit.FAILED) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines
        self.code = code


_CODES: Final[tuple[tuple[type[Exception], Exit], ...]] = (
    (SettingsError, Exit.CONFIGURATION),
    (ConfigurationError, Exit.CONFIGURATION),
    (RefusedByPolicyError, Exit.REFUSED),
    (MisplacedError, Exit.REFUSED),
    (ForbiddenError, Exit.REFUSED),
    (NoSpaceError, Exit.FAILED),
    (DependencyError, Exit.UNREACHABLE),
    (KeyProviderError, Exit.UNREACHABLE),
    (StorageError, Exit.UNREACHABLE),
)
EXPECTED: Final = (CommandError, SettingsError, VaultError, StorageError, CryptoError)


def exit_of(error: Exception) -> Exit:
    """Choose the exit code of an error; the first row that fits."""
    if isinstance(error, CommandError):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.FAILED)


def lines_of(error: Exception) -> tuple[str, ...]:
    """Give what to print of an expected error: one line, or one per problem with the settings."""
    if isinstance(error, CommandError):
        return error.lines
    if isinstance(error, SettingsError):
        return error.problems
    return (str(error) or type(error).__name__,)
