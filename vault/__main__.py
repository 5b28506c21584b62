"""``python -m vault`` and ``callvault``: the same."""

import os
import sys

from vault.cli.main import run


def main() -> None:
    """Run the command line and leave with its exit code."""
    os.umask(0o077)  # databases, keys and objects are for this user alone
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
