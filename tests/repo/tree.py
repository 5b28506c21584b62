"""What the rules of this folder look at: the repository's own files, as git sees them."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("crypto", "storage", "webrtc", "vault")
VENDORED = "vault/web/vendor/"
ASSEMBLED = "vault/web/verify/verify.html"  # of ours and of what is vendored, by scripts/write_verifier.py


def files(*suffixes: str) -> list[str]:
    """List the paths of files that are or could be committed, relative to the root; by suffix when given."""
    # A clone may belong to another user than the one who tests it, as in some CI.
    argv = [
        "git",
        "-c",
        "safe.directory=*",
        "-C",
        str(ROOT),
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ]
    listed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split("\0")
    wanted = sorted({path for path in listed if path and path.endswith(suffixes or "")})
    return [path for path in wanted if (ROOT / path).is_file()]


def sources() -> list[str]:
    """List the Python modules of the four packages."""
    return [path for path in files(".py") if path.startswith(tuple(f"{name}/" for name in PACKAGES))]


def text(path: str) -> str:
    """Return a file's text; bytes that are no UTF-8 become replacement marks."""
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def functions(path: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Give each function of a Python file, methods and inner ones among them."""
    for node in ast.walk(ast.parse(text(path), path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
