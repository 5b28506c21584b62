"""A probe of each epoch: a key that nobody keeps, wrapped when the epoch began.

Whatever opens it later is the very key that it was wrapped under: not one of that number in the ring of
another deployment, nor one under a name, mount or region that is not ours.
"""

import base64
from collections.abc import Mapping
from typing import Final

from crypto.keys import TenantKey
from vault.keys.provider import KeyProvider

PROBE: Final = "probe"  # of an epoch's evidence


async def probe_of(provider: KeyProvider, epoch: int) -> dict[str, str]:
    """Make the probe of a new epoch."""
    wrapped = await provider.wrap(epoch, TenantKey.generate(), context=_context(epoch))
    return {PROBE: base64.b64encode(wrapped).decode("ascii")}


async def opens_probe(provider: KeyProvider, epoch: int, evidence: Mapping[str, str]) -> bool:
    """Open an epoch's probe; False where it has none, KeyProviderError where it does not open."""
    if PROBE not in evidence:
        return False
    await provider.unwrap(epoch, base64.b64decode(evidence[PROBE]), context=_context(epoch))
    return True


def _context(epoch: int) -> bytes:
    return f"vault:probe=1\nvault:epoch={epoch}\n".encode("ascii")
