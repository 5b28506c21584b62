"""The stand-alone programs in docs/tools: with `cryptography` alone they agree with the vault."""

import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag

from crypto.keys import DataKey
from crypto.streaming import media_associated_data, seal

VECTORS = Path(__file__).parent / "vectors"
TOOLS = Path(__file__).parents[2] / "docs" / "tools"
TENANT = "01980000-0000-7000-8000-000000000001"
OBJECT = "01980000-0000-7000-8000-000000000002"
Vector = dict[str, Any]


def tool(name: str) -> ModuleType:
    """A program of docs/tools, loaded from its file."""
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OPEN_SEALED, VERIFY_RECEIPT = tool("open_sealed"), tool("verify_receipt")


def each_of(*names: str) -> pytest.MarkDecorator:
    """Run a test for each vector of these files."""
    found = [
        pytest.param(each, id=f"{name}: {each['comment']}")
        for name in names
        for each in json.loads((VECTORS / f"{name}.json").read_text(encoding="ascii"))
    ]
    return pytest.mark.parametrize("vector", found)


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program as its reader would, without the vault on its path."""
    return subprocess.run(
        [sys.executable, "-P", str(TOOLS / f"{name}.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
    )


@each_of("streams")
def test_the_decryptor_meets_each_stream_vector(vector: Vector) -> None:
    """Fifteen lines, written from FORMAT.md, read and refuse what we do."""
    sealed, plain = io.BytesIO(bytes.fromhex(vector["sealed"])), io.BytesIO()
    arguments = (
        bytes.fromhex(vector["key"]),
        vector["associated_data"].encode(),
        vector["segment_bytes"],
    )
    if vector["expected"] == "success":
        OPEN_SEALED.open_stream(sealed, plain, *arguments)
        assert plain.getvalue() == bytes.fromhex(vector["plain"])
    else:
        with pytest.raises((ValueError, InvalidTag)):
            OPEN_SEALED.open_stream(sealed, plain, *arguments)


def test_the_decryptor_opens_a_file_from_the_command_line(tmp_path: Path) -> None:
    """Key file and identifiers in, plain file out; a wrong identifier leaves no file."""
    key, plain = DataKey.generate(), bytes(range(256)) * 1_000
    aad = media_associated_data(tenant=TENANT, object_id=OBJECT, part="media", gen=1, segment_bytes=65_536)
    (tmp_path / "key").write_text(key.reveal().hex() + "\n")
    (tmp_path / "sealed").write_bytes(seal(key, plain, associated_data=aad))
    given = (tmp_path / "sealed", tmp_path / "plain", "--key-file", tmp_path / "key", "--tenant", TENANT)
    refused = run("open_sealed", *given, "--object", TENANT)
    assert refused.returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "sealed"]
    assert refused.stderr.startswith("refused: ")
    opened = run("open_sealed", *given, "--object", OBJECT)
    assert (opened.returncode, opened.stderr) == (0, "")
    assert (tmp_path / "plain").read_bytes() == plain


REFUSALS = (VERIFY_RECEIPT.RefusedError, InvalidSignature, ValueError, KeyError, TypeError, IndexError)


@each_of("notes", "notes-ml-dsa")
def test_the_verifier_meets_each_note_vector(vector: Vector) -> None:
    """Both kinds of signature, and every malformed note."""
    keys = [VERIFY_RECEIPT.parse_key(vkey) for vkey in vector["keys"]]
    if vector["expected"] == "success":
        assert VERIFY_RECEIPT.open_checkpoint(vector["note"], keys)[:2] == ("log.example", 7)
    elif vector["comment"] == "a hundred and one signatures":
        assert VERIFY_RECEIPT.open_checkpoint(vector["note"], keys)  # all true: the limit guards servers
    else:
        with pytest.raises(REFUSALS):
            VERIFY_RECEIPT.open_checkpoint(vector["note"], keys)


@each_of("proofs")
def test_the_verifier_meets_each_proof_vector(vector: Vector) -> None:
    """The path from leaf to root, written a second time."""
    keys = [VERIFY_RECEIPT.parse_key(vkey) for vkey in vector["keys"]]
    if vector["expected"] == "success":
        members, _ = VERIFY_RECEIPT.verify_entry(vector["leaf"], vector["proof"], keys)
        assert members == json.loads(vector["leaf"])
    else:
        with pytest.raises(REFUSALS):
            VERIFY_RECEIPT.verify_entry(vector["leaf"], vector["proof"], keys)


@each_of("receipts")
def test_the_verifier_meets_each_receipt_vector(vector: Vector, tmp_path: Path) -> None:
    """As a program, with the file and the pinned key: exit 0 for a proven receipt and for nothing else."""
    path = tmp_path / "receipt.json"
    path.write_text(vector["receipt"])
    outcome = run("verify_receipt", path, "--key", vector["keys"][0])
    if vector["expected"] == "success":
        assert (outcome.returncode, outcome.stderr) == (0, "")
        assert outcome.stdout.splitlines()[-1].endswith("2 entries proven")
    else:
        assert (outcome.returncode, outcome.stdout) == (1, "")
        assert outcome.stderr.startswith("refused: ")


def test_the_verifier_compares_what_the_reader_knows(tmp_path: Path) -> None:
    """--expect ties the receipt to the object that the reader means; a mistyped key is refused."""
    vector = json.loads((VECTORS / "receipts.json").read_text())[0]
    path = tmp_path / "receipt.json"
    path.write_text(vector["receipt"])
    known = run("verify_receipt", path, "--key", vector["keys"][0], "--expect", f"object={OBJECT}")
    other = run("verify_receipt", path, "--key", vector["keys"][0], "--expect", f"object={TENANT}")
    mistyped = run("verify_receipt", path, "--key", vector["keys"][0].replace("log", "lug"))
    missing = run("verify_receipt", tmp_path / "nothing", "--key", vector["keys"][0])
    assert [each.returncode for each in (known, other, mistyped, missing)] == [0, 1, 1, 1]
    assert "no entry has object" in other.stderr
    assert "mistyped" in mistyped.stderr


@pytest.mark.parametrize("name", ["open_sealed", "verify_receipt"])
def test_the_programs_need_nothing_of_the_vault(name: str) -> None:
    """They import the standard library and `cryptography` only."""
    text = (TOOLS / f"{name}.py").read_text(encoding="utf-8")
    imported = {
        line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))
    }
    assert imported <= {*sys.stdlib_module_names, "cryptography"}
