"""Wycheproof's JWS and JWK vectors, where a copy lies on the machine; they are not part of this repository.

``CALLVAULT_TEST_WYCHEPROOF=/path/to/testvectors_v1`` names the folder; without it there is nothing to collect
here, and ``test_own_tokens`` and ``test_jwk`` hold the same classes of fault with vectors of their own.
"""

import json
import os
from pathlib import Path
from typing import Any

from vault.errors import InvalidError
from vault.identity.errors import TokenRefusedError
from vault.identity.jwk import ALGORITHMS, read_key_set
from vault.identity.jws import read_envelope, verify

FOLDER = os.environ.get("CALLVAULT_TEST_WYCHEPROOF")
NO_CLAIMS = "emptyPayload"  # well signed, but nothing is in it: good as a JWS, useless as a token


def _accepted(keys: Any, token: Any, algorithm: str) -> bool:
    try:
        verify(read_envelope(str(token)), read_key_set(keys, algorithm=algorithm), algorithm=algorithm)
    except (TokenRefusedError, InvalidError):
        return False
    return True


def _verdicts(name: str) -> tuple[int, list[str]]:
    """Count the bad vectors refused, and list every vector that was judged otherwise than it is marked."""
    refused, wrong = 0, []
    found = json.loads((Path(str(FOLDER)) / name).read_text())
    for group in found["testGroups"]:
        keys = group.get("public") or group["private"]
        keys = keys if "keys" in keys else {"keys": [keys]}
        for test in group["tests"]:
            accepted = {name for name in ALGORITHMS if _accepted(keys, test["jws"], name)}
            # Symmetric keys and PSS are valid elsewhere; here no issuer can have them, so they are refused.
            ours = len(keys["keys"]) == 1 and keys["keys"][0].get("alg") in ALGORITHMS
            expected = test["result"] == "valid" and ours and test["comment"] != NO_CLAIMS
            refused += test["result"] == "invalid" and not accepted
            if bool(accepted) != expected:
                wrong.append(f"{test['tcId']} {test['comment']}")
    return refused, wrong


if FOLDER is not None:

    def test_every_jws_vector_is_judged_as_marked() -> None:
        """355 of 355 bad ones refused; the good ones of our three algorithms accepted."""
        assert _verdicts("json_web_signature_test.json") == (355, [])

    def test_every_jwk_vector_is_judged_as_marked() -> None:
        """Small, broken and misused keys, mixed and ambiguous sets."""
        refused, wrong = _verdicts("json_web_key_test.json")
        assert wrong == []
        assert refused > 15
