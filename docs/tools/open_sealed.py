"""Open a sealed part with its data key alone; needs Python 3.11 and the package `cryptography`, nothing else.

    python open_sealed.py SEALED PLAIN --key-file KEY --tenant UUID --object UUID --part media --gen 1

KEY holds the 32-byte data key as 64 hex digits. PLAIN is written under its name only once every byte of it
has been verified. docs/FORMAT.md, Sealed streams, is the specification.
"""

# ruff: noqa: INP001, PLR2004, T201 -- one file on its own, that speaks to a terminal
import argparse
import sys
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def open_stream(
    sealed: BinaryIO, plain: BinaryIO, key: bytes, associated_data: bytes, segment_bytes: int
) -> None:
    """Copy the plain bytes of a sealed file; ValueError or InvalidTag if one byte is not genuine."""
    header = sealed.read(40)
    if len(header) != 40 or header[0] != 40:
        raise ValueError("not a sealed stream")
    file_key = HKDF(hashes.SHA256(), length=32, salt=header[1:33], info=associated_data).derive(key)
    aead, prefix, index = AESGCM(file_key), header[33:], 0
    segment, following = sealed.read(segment_bytes - 40), sealed.read(segment_bytes)
    while True:
        if len(segment) < 16 + (index > 0):  # a tag, and after segment 0 at least one byte of text
            raise ValueError("the last segment is cut or empty")
        nonce = prefix + index.to_bytes(4, "big") + bytes([not following])
        plain.write(aead.decrypt(nonce, segment, None))
        if not following:
            return
        segment, following, index = following, sealed.read(segment_bytes), index + 1


def main() -> int:
    """Read the arguments, open the file, and say in one line what happened."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sealed")
    parser.add_argument("plain")
    for name in ("--key-file", "--tenant", "--object"):
        parser.add_argument(name, required=True)
    parser.add_argument("--part", default="media")
    parser.add_argument("--gen", type=int, default=1)
    parser.add_argument("--segment-bytes", type=int, default=65_536)
    given = parser.parse_args()
    lines = ["vault-media/1", f"tenant={given.tenant}", f"object={given.object}", f"part={given.part}"]
    lines += [f"gen={given.gen}", f"seg={given.segment_bytes}"]
    associated_data = "".join(line + "\n" for line in lines).encode("ascii")
    unfinished = Path(given.plain + ".unverified")
    try:
        key = bytes.fromhex(Path(given.key_file).read_text(encoding="ascii").strip())
        with Path(given.sealed).open("rb") as sealed, unfinished.open("wb") as plain:
            open_stream(sealed, plain, key, associated_data, given.segment_bytes)
    except (OSError, ValueError, InvalidTag) as refused:
        unfinished.unlink(missing_ok=True)
        why = str(refused) or "a segment is not genuine, or the key or an identifier is wrong"
        print(f"refused: {why}", file=sys.stderr)
        return 1
    unfinished.replace(given.plain)
    print(f"{given.plain}: every byte is genuine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
