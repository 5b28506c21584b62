"""Why settings cannot be used. The command line prints one line per problem and ends with code 3."""

from collections.abc import Sequence


class SettingsError(Exception):
    """The settings cannot be read or do not fit their schema: mend each of ``problems``.

    A problem names the setting and where it was written, never its value: that may be a secret.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
