"""Code blocks of the documents can be read by what they are for; tests/end_to_end runs the examples."""

import json
import subprocess
import tomllib

import pytest

from tests.docs.pages import blocks, pages


@pytest.mark.parametrize("page", pages())
def test_each_block_is_well_formed_in_its_language(page: str) -> None:
    """Shell parses, JSON and TOML are read."""
    for block in blocks(page):
        if block.language == "sh":
            subprocess.run(["bash", "-n"], input=block.body, text=True, check=True, timeout=10)
        elif block.language == "json":
            json.loads(block.body)
        elif block.language == "toml":
            tomllib.loads(block.body)
