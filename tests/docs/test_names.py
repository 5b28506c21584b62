"""What the documents call by name exists under that name."""

import importlib
import pathlib
import re

import pytest
from typer.main import get_command

from scripts.write_docs import TARGET, commands
from tests.docs.pages import blocks, pages, spans
from tests.repo import tree
from vault.cli.main import app
from vault.http.problem_rows import PROBLEMS
from vault.http.routes import ROUTES
from vault.policy import Permission
from vault.settings.sources import fields

PATH = re.compile(r"(?:crypto|storage|webrtc|vault|config|docs|tests|scripts|benchmarks)/[\w./-]*\w")
DOTTED = re.compile(r"(?:crypto|storage|webrtc|vault)(?:\.\w+)+")
COMMAND = re.compile(r"(?<![\w./-])callvault((?: [a-z]+)+)")
OPTION = re.compile(r" (--[a-z-]+)")
SETTING = re.compile(r"([a-z]+\.(?:[a-z_]+|\*))(?: = .*)?")
SUFFIXES = {".db", ".js", ".json", ".keys", ".lock", ".md", ".py", ".toml"}
ROUTE = re.compile(r"(GET|POST|PATCH|DELETE) (/[\w/{}.-]+)")


def known_files() -> set[str]:
    """Return every file and folder of the repository."""
    found = set(tree.files())
    return found | {"/".join(path.split("/")[:depth]) for path in found for depth in range(1, 6)}


@pytest.mark.parametrize("page", pages())
def test_each_file_a_page_names_is_there(page: str) -> None:
    """A file that was moved is found by who still names it."""
    known = known_files()
    named = {found for span in spans(page) if (found := span.rstrip("/")) and PATH.fullmatch(found)}
    assert sorted(named - known) == []


@pytest.mark.parametrize("page", pages())
def test_each_module_or_name_a_page_gives_can_be_imported(page: str) -> None:
    """``vault.policy.GRANTS`` in a page is a thing in that module."""
    named = {span for span in spans(page) if DOTTED.fullmatch(span)} - {str(name) for name in fields()}
    assert [name for name in sorted(named) if not exists(name)] == []


def exists(name: str) -> bool:
    """Tell whether a dotted name is a module, or leads from one to an attribute."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@pytest.mark.parametrize("page", pages())
def test_each_command_a_page_gives_exists_with_its_options(page: str) -> None:
    """A reader who copies a line is not told that there is no such command."""
    lines = [span for span in spans(page) if span.startswith("callvault ")]
    shell = "\n".join(block.body for block in blocks(page) if block.language == "sh")
    lines += shell.replace("\\\n", " ").splitlines()
    wrong = [line for line in lines for words in COMMAND.findall(line) if not is_command(words.split(), line)]
    assert wrong == []


def is_command(words: list[str], line: str) -> bool:
    """Tell whether words lead to a command; ``callvault receipt verify FILE`` may go on with arguments."""
    command = get_command(app)
    for word in words:
        inner = getattr(command, "commands", None)
        if inner is None:
            break
        if word not in inner:
            return False
        command = inner[word]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    given = OPTION.findall(line.partition("callvault")[2])
    return set(given) <= options | {"--help"}


def test_the_command_list_has_every_command() -> None:
    """The list in OPERATIONS.md is made by walking the same tree that the parser walks."""
    assert commands().count("\n") > 25


@pytest.mark.parametrize("page", pages())
def test_each_make_target_a_page_gives_exists(page: str) -> None:
    """``make soak`` in a page is a target of the Makefile."""
    targets = {name for name, _ in TARGET.findall(tree.text("Makefile"))}
    named = {span.split()[1] for span in spans(page) if re.fullmatch(r"make [a-z-]+( .*)?", span)}
    assert sorted(named - targets) == []


@pytest.mark.parametrize("page", pages())
def test_each_setting_or_event_a_page_names_is_one(page: str) -> None:
    """``links.lifetime_s`` in a page is a setting; ``finish.failed`` is a word that the code writes."""
    sections = {name.section for name in fields()}
    known = {str(name) for name in fields()} | {f"{section}.*" for section in sections}
    named = {found[1] for span in spans(page) if (found := SETTING.fullmatch(span)) and not exists(span)}
    code = "\n".join(tree.text(path) for path in tree.sources())
    files = {name for name in named if pathlib.PurePath(name).suffix in SUFFIXES}
    assert [name for name in sorted(named - known - files) if f'"{name}"' not in code] == []


@pytest.mark.parametrize("page", pages())
def test_each_route_a_page_names_is_in_the_table(page: str) -> None:
    """``GET /v1/media/{media_id}`` in a page is a route, letter for letter."""
    known = {route.label for route in ROUTES.routes}
    named = {" ".join(found) for span in spans(page) for found in ROUTE.findall(span) if "…" not in span}
    assert sorted(named - known) == []


def test_each_error_and_permission_that_the_api_page_speaks_of_exists() -> None:
    """Codes in running text are codes of the catalogue."""
    listed = re.search(r"Beyond its own errors.*?\n\n", tree.text("docs/API.md"), re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"`([a-z_]+)`", listed[0])) <= set(PROBLEMS)
    spoken = {span for span in spans("docs/API.md") if re.fullmatch(r"[a-z]+:[a-z]+", span)}
    assert spoken <= {permission.value for permission in Permission}


def test_each_metric_and_log_event_that_operators_are_told_of_exists() -> None:
    """A dashboard or an alarm on a name that nothing writes stays green for ever."""
    code = "\n".join(tree.text(path) for path in tree.sources())
    text = tree.text("docs/OPERATIONS.md")
    metrics = set(re.findall(r"`callvault_(\w+)`", text))
    suffixes = ("_total", "")
    lost = [m for m in metrics if not any(f'{m.removesuffix(end)}"' in code for end in suffixes)]
    events = re.findall(r"`([a-z]+\.[a-z_]+)`", text.partition("Watch for")[2].partition("\n\n")[0])
    assert (lost, [event for event in events if f'"{event}"' not in code]) == ([], [])
    assert events


def test_each_page_and_heading_that_the_code_refers_to_exists() -> None:
    """``docs/FORMAT.md, ledger`` in a docstring leads to a page with a heading that says ledger."""
    refers = re.compile(r"docs/([A-Z]+\.md)(?:, ([a-z]+))?")
    lost = []
    for path in tree.sources():
        for page, word in refers.findall(tree.text(path)):
            headings = re.findall(r"^#+ (.+)$", tree.text(f"docs/{page}"), re.MULTILINE)
            if not any(word in heading.lower() for heading in headings):
                lost.append(f"{path}: docs/{page}, {word}")
    assert lost == []
