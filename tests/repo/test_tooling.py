"""The commands of this repository: documented, well-formed, and as strict as they claim."""

import re
import subprocess

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are one more package

from tests.lanes import HEAVY, lane_of
from tests.repo import tree

TARGET = re.compile(r"^([a-z-]+):.*  ## ", re.MULTILINE)


def test_the_readme_names_every_make_target() -> None:
    """A target that nobody can find is no target."""
    readme = tree.text("README.md")
    targets = [name for name in TARGET.findall(tree.text("Makefile")) if name != "help"]
    assert [name for name in targets if f"make {name}" not in readme] == []


@pytest.mark.parametrize("script", [*tree.files(".sh"), ".ci/run"])
def test_a_shell_script_parses_and_stops_at_the_first_error(script: str) -> None:
    """A step that fails must not be followed by the next."""
    shell = "bash" if tree.text(script).startswith("#!/usr/bin/env bash") else "sh"
    subprocess.run([shell, "-n", str(tree.ROOT / script)], check=True, timeout=10)
    assert re.search(r"^set -eu", tree.text(script), re.MULTILINE)


def test_the_image_runs_without_root_and_says_how_it_is() -> None:
    """The Dockerfile: two stages, a numbered user, exec forms, a health check, a clean stop."""
    lines = tree.text("Dockerfile").splitlines()
    final = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert sum(line.startswith("FROM ") for line in lines) == 2
    assert "USER 10001:10001" in final
    assert "STOPSIGNAL SIGTERM" in final
    assert 'ENTRYPOINT ["callvault"]' in final
    assert any(line.startswith("HEALTHCHECK") and '["callvault", "health"]' in line for line in final)
    assert not any(line.startswith("ADD ") for line in lines)


def test_the_compose_service_gives_nothing_away() -> None:
    """No capability, no new privilege, only the volume and a tmpfs to write to; metrics stay inside."""
    service = yaml.safe_load(tree.text("config/compose.yaml"))["services"]["vault"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all("noexec" in mount for mount in service["tmpfs"])
    assert not any("9464" in port for port in service["ports"])


def test_media_ports_of_the_compose_service_are_the_published_ones() -> None:
    """Every leg shares one UDP port: exactly the one that the service publishes."""
    service = yaml.safe_load(tree.text("config/compose.yaml"))["services"]["vault"]
    first, last = (service["environment"][f"CALLVAULT_MEDIA__PORT_{end}"] for end in ("FIRST", "LAST"))
    assert first == last
    assert f"{first}:{first}/udp" in service["ports"]


@pytest.mark.parametrize("part", HEAVY)
def test_whatever_needs_a_heavy_part_is_in_its_lane(part: str) -> None:
    """Two browsers at once on two cores make both late: their tests run one after another."""
    marked = re.compile(rf"^(pytestmark = .*|@)pytest\.mark\.{part}\b", re.MULTILINE)
    files = [
        name for name in tree.files(".py") if name.startswith("tests/") and marked.search(tree.text(name))
    ]
    assert files
    assert [name for name in files if lane_of(f"{name}::test") != part] == []
