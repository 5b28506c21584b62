"""SoftHSM for tests: a token of its own in a folder, behind the same interface as a real module."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers.parts import need

MODULE: Final = Path("/usr/lib/softhsm/libsofthsm2.so")
CONFIGURATION: Final = "SOFTHSM2_CONF"


@dataclass(frozen=True)
class SoftHsm:
    """One token."""

    module: Path
    token: str
    pin: str
    configuration: Path
    tokens: Path


def softhsm_token(folder: Path) -> SoftHsm:
    """Make a token; the module reads `SOFTHSM2_CONF` whenever it is initialised."""
    token, pin = "vault", "8765-4321-pin"
    program = need("softhsm2-util")["softhsm2-util"]
    tokens, configuration = folder / "tokens", folder / "softhsm2.conf"
    tokens.mkdir(parents=True)
    configuration.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    subprocess.run(
        [program, "--init-token", "--free", "--label", token, "--so-pin", "so-pin-1234", "--pin", pin],
        env={**os.environ, CONFIGURATION: str(configuration)},
        check=True,
        capture_output=True,
    )
    return SoftHsm(MODULE, token, pin, configuration, tokens)
