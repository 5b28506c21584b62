"""Tests lie where their module lies, and say what they hold."""

import ast
import re
from pathlib import Path, PurePosixPath

from tests.repo import tree

# Modules without a test file of their own, and why that is right.
WITHOUT_ITS_OWN = {
    "__init__.py": "names what others define",
    "errors.py": "classes without behaviour; each is raised in the tests of the module that raises it",
}
MIGRATIONS = "vault/db/migrations/"  # run as a whole by tests/vault/db/test_migrate.py
WORDS = 3


def has_tests(path: str) -> bool:
    """Tell whether tests/<folder>/test_<module>*.py, or a folder of that name, exists."""
    module = PurePosixPath(path)
    folder = tree.ROOT / "tests" / Path(module.parent)
    return any(folder.glob(f"test_{module.stem}*.py")) or any(folder.glob(f"{module.stem}/test_*.py"))


def test_every_module_has_its_test_file() -> None:
    """A module without tests is found by its name, not by a coverage figure."""
    missing = [
        path
        for path in tree.sources()
        if path not in WITHOUT_ITS_OWN
        and PurePosixPath(path).name not in WITHOUT_ITS_OWN
        and not path.startswith(MIGRATIONS)
        and not has_tests(path)
    ]
    assert not missing, "\n".join(missing)


def test_every_exception_to_the_mirror_still_exists() -> None:
    """A reason for a module that is gone would hide the next one of its name."""
    known = {name for path in tree.sources() for name in (path, PurePosixPath(path).name)}
    assert sorted(set(WITHOUT_ITS_OWN) - known) == []


def test_every_test_has_a_sentence() -> None:
    """A test states its rule: a docstring, and a name of at least three words."""
    mute = [
        f"{path}:{function.lineno} {function.name}"
        for path in tree.files(".py")
        if path.startswith("tests/") and PurePosixPath(path).name.startswith("test_")
        for function in tree.functions(path)
        if function.name.startswith("test_")
        and (not ast.get_docstring(function) or len(re.findall(r"[^_]+", function.name)) <= WORDS)
    ]
    assert not mute, "\n".join(mute)
