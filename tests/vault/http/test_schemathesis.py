"""The description against the program: what it says is what is answered, and nothing makes it fall over."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.vault.http.house import open_house
from vault.model import Role

UNLIMITED = {"requests_per_minute": 10**9, "sign_in_per_minute": 10**9, "calls_per_minute": 10**9}
# Left out: "valid data is accepted". A cursor, a key set, a page on a list are valid in form and refused in
# substance, and no schema can say so. The negative direction, "invalid data is refused", is checked.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,missing_required_header,unsupported_method,"
    "use_after_free,ensure_resource_availability,ignored_auth"
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", [Role.ADMIN, Role.SERVICE])
async def test_generated_requests_find_no_contradiction(tmp_path: Path, role: Role) -> None:
    """Coverage, fuzzing and stateful phases over every operation of /openapi.json."""
    async with open_house(tmp_path, limits=UNLIMITED) as house:
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{house.url}/openapi.json",
            f"--header=Authorization: Bearer {house.token(role)}",
            f"--checks={CHECKS}",
            "--max-examples=10",
            "--seed=1",
            "--exclude-path-regex=sessions/current",  # a bearer token has no session to end
            "--no-color",
        ]
        hooks = {"SCHEMATHESIS_HOOKS": "tests.vault.http.schemathesis_hooks", "PYTHONPATH": "."}
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **hooks},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, output.decode()[-6_000:]
