"""The page that checks receipts, as one file: ``vault/web/verify/verify.html``, written by ``make docs``.

A page opened from disk may load no module. So the modules of ``vault/web/verify``, and what they import,
become one script, each in a function of its own, its text otherwise unchanged; likewise the styles. The
page's policy names the hashes of both: nothing else runs on it, it connects to nothing. ``--check`` compares.
"""

import base64
import hashlib
import posixpath
import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
WEB: Final = ROOT / "vault" / "web"
PAGE: Final = WEB / "verify" / "verify.html"
TEMPLATE: Final = WEB / "verify" / "page.html"
FIRST_MODULE: Final = "verify/verify.js"
STYLES: Final = ("shared/tokens.css", "verify/verify.css")
POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; connect-src 'none'; "
    "form-action 'none'; base-uri 'none'"
)
IMPORT: Final = re.compile(
    r"^import\s+(\{[^}]*\}|\* as \w+)\s+from\s+[\"']([^\"']+)[\"'];[^\n]*\n", re.MULTILINE
)
# A comment of its own lines: the libraries show imports in theirs.
COMMENT: Final = re.compile(r"^(/\*.*?\*/)", re.MULTILINE | re.DOTALL)
EXPORTED: Final = re.compile(r"^export\s+(?=(?:const|class|(?:async )?function)\s+(\w+))", re.MULTILINE)
EXPORT_LIST: Final = re.compile(r"^export\s+\{([^}]*)\};?[^\n]*\n", re.MULTILINE)
UNREAD: Final = re.compile(r"^(?:import|export)\b[^\n]*", re.MULTILINE)


class LinkError(Exception):
    """A module uses a form of import or export that this program does not know, or two need each other."""


def link(first: str) -> str:
    """The script of a module and of all that it imports, a path below ``vault/web``."""
    linked: dict[str, str] = {}
    _add(first, linked, ())
    bodies = "\n".join(linked.values())
    return f'"use strict";\n(() => {{\nconst modules = {{}};\n{bodies}\n}})();\n'


def _add(path: str, linked: dict[str, str], needed_by: tuple[str, ...]) -> None:
    if path in needed_by:
        raise LinkError(f"{path} needs itself")
    if path in linked:
        return
    text = (WEB / path).read_text(encoding="utf-8")
    for _, wanted in IMPORT.findall(COMMENT.sub("", text)):
        _add(_found(wanted, path), linked, (*needed_by, path))
    linked[path] = _as_function(path, text)


def _found(wanted: str, importer: str) -> str:
    """The path of what an import names: a module beside, or a package of ``vendor``."""
    if wanted.startswith("@noble/"):
        return f"vendor/noble-{wanted.removeprefix('@noble/')}"
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), wanted))


def _as_function(path: str, text: str) -> str:
    parts = COMMENT.split(text)
    code = "".join(parts[::2])
    given = [(name, name) for name in EXPORTED.findall(code)]
    for names in EXPORT_LIST.findall(code):
        given += [_renamed(name) for name in names.split(",") if name.strip()]
    parts[::2] = [_without_links(path, part) for part in parts[::2]]
    exports = ", ".join(f"{outside}: {inside}" for inside, outside in given)
    return f'modules["{path}"] = (() => {{\n{"".join(parts)}return {{ {exports} }};\n}})();\n'


def _without_links(path: str, code: str) -> str:
    """The code with its imports taken from ``modules``, and without the word ``export``."""

    def imported(match: re.Match[str]) -> str:
        names, module = match[1], f'modules["{_found(match[2], path)}"]'
        if names.startswith("*"):
            return f"const {names.split()[-1]} = {module};\n"
        return f"const {names.replace(' as ', ': ')} = {module};\n"

    body = EXPORT_LIST.sub("", EXPORTED.sub("", IMPORT.sub(imported, code)))
    if unread := UNREAD.search(body):
        raise LinkError(f"{path}: {unread[0]}")
    return body


def _renamed(name: str) -> tuple[str, str]:
    inside, _, outside = name.strip().partition(" as ")
    return inside, outside or inside


def _hash_of(text: str) -> str:
    """A source expression of a content security policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def page() -> str:
    """The whole file."""
    script = link(FIRST_MODULE)
    style = "\n" + "\n".join((WEB / path).read_text(encoding="utf-8") for path in STYLES)
    if re.search(r"</(?:script|style)|<!--", script + style, re.IGNORECASE):
        raise LinkError("a source would end its own element")
    policy = POLICY.format(script=_hash_of(script), style=_hash_of(style))
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in (("policy", policy), ("style", style), ("script", script)):
        text = text.replace(f"{{{{ {name} }}}}", value, 1)
    return text


def main(arguments: list[str]) -> int:
    """Write the page, or say whether it is up to date."""
    text = page()
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is behind its sources")  # a program that speaks to a terminal
    if "--check" in arguments:
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
