"""One idea per file, and no function that has to be scrolled."""

import ast

from tests.repo import tree

FILE_LINES = 500
FUNCTION_LINES = 40
# One-off scripts that list a schema's tables: their length is the schema's.
SCHEMA_SCRIPTS = "vault/db/migrations/"


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines from the signature to the end, without the docstring."""
    start, end = function.lineno, function.end_lineno or function.lineno
    first = function.body[0]
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        end -= (first.end_lineno or first.lineno) - first.lineno + 1
    return end - start + 1


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    """A file stays under 500 lines; what is copied from others keeps its shape."""
    ours = (
        path
        for path in tree.files(".py", ".js", ".css", ".html", ".sh")
        if not path.startswith(tree.VENDORED) and path != tree.ASSEMBLED
    )
    lengths = {path: len(tree.text(path).splitlines()) for path in ours}
    assert {path: lines for path, lines in lengths.items() if lines >= FILE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    """A function stays within 40 lines, its docstring apart; tests and tools too."""
    long = {
        f"{path}:{function.lineno} {function.name}": length(function)
        for path in tree.files(".py")
        if not path.startswith(SCHEMA_SCRIPTS)
        for function in tree.functions(path)
        if length(function) > FUNCTION_LINES
    }
    assert long == {}
