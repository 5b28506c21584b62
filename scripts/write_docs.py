"""The lists in the documents, written from the code: ``make docs``.

A document marks the place of a list with ``<!-- generated: name -->`` and ``<!-- end: name -->``, on lines of
their own. What stands between is written here and nowhere else; tests/docs holds the committed text equal.
``--check`` writes nothing and exits 1 where a document is behind the code.
"""

import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from typer.main import get_command  # noqa: E402  # after the path

from vault.calls.events import CLOSES  # noqa: E402  # after the path
from vault.calls.notice import LANGUAGES, VERSION, make_notice  # noqa: E402
from vault.cli.exits import MEANINGS  # noqa: E402
from vault.cli.main import app  # noqa: E402
from vault.http.problem_rows import PROBLEMS  # noqa: E402
from vault.http.route import Route  # noqa: E402
from vault.http.routes import ROUTES  # noqa: E402
from vault.ledger.leaf import EntryType  # noqa: E402
from vault.model import (  # noqa: E402
    ASK_MOVES,
    CALL_MOVES,
    ERASURE_MOVES,
    EXIT_MOVES,
    LEG_MOVES,
    MEDIA_MOVES,
    PREFIXES,
    RECORDING_MOVES,
    RING_MOVES,
    ErasureReason,
)
from vault.policy import GRANTS, Permission  # noqa: E402
from vault.settings.example import REQUIRED, toml_value  # noqa: E402
from vault.settings.sources import Name, fields, is_secret, sections  # noqa: E402
from webrtc.lifecycle import MOVES as PEER_MOVES  # noqa: E402
from webrtc.lifecycle import CloseReason  # noqa: E402

DOCUMENTS: Final = (
    "README.md",
    "docs/ARCHITECTURE.md",
    "docs/API.md",
    "docs/OPERATIONS.md",
    "docs/PRIVACY.md",
)
MARK: Final = re.compile(r"<!-- generated: ([a-z-]+) -->\n(.*?)<!-- end: \1 -->\n", re.DOTALL)
TARGET: Final = re.compile(r"^([a-z-]+):.*  ## (.+)$", re.MULTILINE)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a Markdown table; a bar inside a cell is escaped."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(words: Iterable[object]) -> str:
    """Write words as code, with commas between."""
    return ", ".join(f"`{word}`" for word in words)


def routes() -> str:
    """Every route by tag: what it needs, what it answers when all is well, which errors are its own."""
    tags = list(dict.fromkeys(route.tag for route in ROUTES.routes))
    head = ("route", "", "needs", "success", "own errors")
    parts = [
        f"**{tag}**\n\n" + table(head, (_route(route) for route in ROUTES.routes if route.tag == tag))
        for tag in tags
    ]
    return "\n".join(parts)


def _route(route: Route) -> tuple[str, ...]:
    errors = code(error.code for error in route.errors) or "-"
    summary = route.summary + (" *Idempotency-Key.*" if route.creates else "")
    return f"`{route.label}`", summary, f"`{route.needs.value}`", _successes(route), errors


def _successes(route: Route) -> str:
    return ", ".join(str(status) for status in route.responses)


def problems() -> str:
    """Every error code with its status and its English words."""
    rows = sorted(
        ((row.status, name, row.words["en"]) for name, row in PROBLEMS.items()), key=lambda row: row[:2]
    )
    return table(
        ("status", "code", "title", "what to do"),
        ((str(status), f"`{name}`", words.title, words.detail) for status, name, words in rows),
    )


def roles() -> str:
    """Permissions down, roles across."""
    rows = (
        (f"`{permission.value}`", *("yes" if permission in GRANTS[role] else "" for role in GRANTS))
        for permission in Permission
    )
    return table(("permission", *(role.value for role in GRANTS)), rows)


def prefixes() -> str:
    """Every prefix of an identifier."""
    return table(("prefix", "names a"), ((f"`{prefix}_`", what) for prefix, what in PREFIXES.items()))


def entry_types() -> str:
    """Everything the ledger records."""
    kinds: dict[str, list[str]] = {}
    for kind in EntryType:
        kinds.setdefault(kind.value.split(".")[0], []).append(kind.value)
    return table(("about", "entries"), ((about, code(names)) for about, names in kinds.items()))


def closes() -> str:
    """Every code that closes a socket of events."""
    return table(("code", "meaning"), ((f"`{code.value}`", meaning) for code, meaning in CLOSES.items()))


def reasons() -> str:
    """Every reason of an erasure, as a sentence's part."""
    return code(reason.value for reason in ErasureReason) + "\n"


def settings() -> str:
    """Every setting with its default and meaning, section by section."""
    known = fields()
    parts = []
    for section, kind in sections().items():
        names = [Name(section, key) for key in kind.model_fields]
        rows = ((f"`{name}`", _default(name), known[name].description or "") for name in names)
        about = (kind.__doc__ or "").strip()
        parts.append(f"**`[{section}]`** {about}\n\n" + table(("setting", "default", "meaning"), rows))
    return "\n".join(parts)


def _default(name: Name) -> str:
    field = fields()[name]
    if is_secret(field):
        return "secret"
    if name in REQUIRED:
        return "fill in"
    default = field.get_default()
    return f"`{toml_value(default)}`" if default not in ("", None, ()) else "empty"


def exits() -> str:
    """Every exit code."""
    return table(("code", "meaning"), ((str(int(number)), meaning) for number, meaning in MEANINGS.items()))


def commands() -> str:
    """Every command with the first sentence of its help."""
    return table(("command", "does"), _commands(get_command(app), "callvault"))


def _commands(command: Any, name: str) -> Iterable[tuple[str, str]]:
    inner: Mapping[str, Any] | None = getattr(command, "commands", None)
    if inner is None:
        yield f"`{name}`", (command.help or "").split("\n\n")[0].replace("\n", " ").strip()
        return
    for word, found in inner.items():
        yield from _commands(found, f"{name} {word}")


def targets() -> str:
    """Every target of the Makefile that has a sentence."""
    lines = TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    return table(("target", "does"), ((f"`make {name}`", text) for name, text in lines if name != "help"))


def states() -> str:
    """The state machines, from the tables that the program obeys."""
    machines: dict[str, Mapping[Any, frozenset[Any]]] = {
        "call (`vault.model.CALL_MOVES`)": CALL_MOVES,
        "leg (`vault.model.LEG_MOVES`)": LEG_MOVES,
        "ring (`vault.model.RING_MOVES`)": RING_MOVES,
        "request to a colleague (`vault.model.ASK_MOVES`)": ASK_MOVES,
        "recording of a party (`vault.model.RECORDING_MOVES`)": RECORDING_MOVES,
        "media item (`vault.model.MEDIA_MOVES`)": MEDIA_MOVES,
        "erasure (`vault.model.ERASURE_MOVES`)": ERASURE_MOVES,
        "exit of a company (`vault.model.EXIT_MOVES`)": EXIT_MOVES,
        "peer connection (`webrtc.lifecycle.MOVES`)": PEER_MOVES,
    }
    rows = (
        (what if number == 0 else "", f"`{state.value}`", code(_in_order(moves, state)) or "final")
        for what, moves in machines.items()
        for number, state in enumerate(moves)
    )
    return table(("of a", "state", "may become"), rows)


def _in_order(moves: Mapping[Any, frozenset[Any]], state: object) -> Iterable[str]:
    return [other.value for other in moves if other in moves[state]]


def ends() -> str:
    """Why a peer connection ends."""
    return code(reason.value for reason in CloseReason) + "\n"


def layers() -> str:
    """The layers inside ``vault``, from the contract that import-linter holds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    lines = [f"{' > '.join(contract['layers'])}\n" for contract in contracts if contract["type"] == "layers"]
    return f"```text\n{''.join(lines)}```\n"


def notices() -> str:
    """The notice that a visitor reads, in each language, with names in place of a company's own words."""
    parts = [f"Version `{VERSION}`.\n"]
    for language in LANGUAGES:
        notice = make_notice(
            tenant_name="[COMPANY]",
            purpose="[PURPOSE]",
            retention_days=180,
            media=("audio", "video"),
            records=True,
            language=language,
        )
        parts.append(f"> {notice.text}\n")
    return "\n".join(parts)


SECTIONS: Final[dict[str, Callable[[], str]]] = {
    "closes": closes,
    "commands": commands,
    "ends": ends,
    "entry-types": entry_types,
    "exits": exits,
    "layers": layers,
    "notices": notices,
    "prefixes": prefixes,
    "problems": problems,
    "reasons": reasons,
    "roles": roles,
    "routes": routes,
    "settings": settings,
    "states": states,
    "targets": targets,
}


def written(text: str) -> str:
    """Return a document with each of its marked lists as the code has them; KeyError for an unknown name."""
    return MARK.sub(
        lambda found: f"<!-- generated: {found[1]} -->\n{SECTIONS[found[1]]()}<!-- end: {found[1]} -->\n",
        text,
    )


def main() -> int:
    """Write, or with ``--check`` only compare."""
    behind = []
    for name in DOCUMENTS:
        path = ROOT / name
        old = path.read_text(encoding="utf-8")
        new = written(old)
        if new != old:
            behind.append(name)
            if "--check" not in sys.argv[1:]:
                path.write_text(new, encoding="utf-8")
    verb = "behind the code" if "--check" in sys.argv[1:] else "written"
    print(f"{verb}: {', '.join(behind) or 'nothing'}")
    return int(bool(behind) and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
