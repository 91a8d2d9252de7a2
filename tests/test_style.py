"""The shape budget: short functions, small files, everything annotated and documented, plain names."""

from __future__ import annotations

import ast
import io
import re
import statistics
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
MEDIAN, P90, LONGEST = 7, 25, 60  # lines of a function, docstring not counted
LONGEST_FILE = 400
POSITIONAL = 3
# Exceptions: (run, weights, optimizer, state), (config, registry, image, device), (where, images, labels, styles).
FOUR_POSITIONAL = {"engine/checkpoint.py save", "engine/session.py build_task", "torchvision_sets.py __init__"}
BANNED = re.compile(r"(?:^|_)(?:utils?|helpers?|misc|common)(?:_|$)|Manager|Helper|Util")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def trees() -> dict[Path, ast.Module]:
    files = [*(ROOT / "ganstyle").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    own = [path for path in files if not {"tests", "templates"} & set(path.relative_to(ROOT).parts)]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(own)}


def functions() -> Iterator[tuple[str, Function, ast.AST]]:
    """Yield (place, function, its parent)."""
    for path, tree in trees().items():
        for parent in ast.walk(tree):
            for node in ast.iter_child_nodes(parent):
                if isinstance(node, Function):
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node, parent


def length(function: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    first = function.body[0]
    has_docstring = ast.get_docstring(function) is not None
    docstring = first.end_lineno - first.lineno + 1 if has_docstring else 0
    return function.end_lineno - function.lineno + 1 - docstring


def arguments(function: Function) -> list[ast.arg]:
    spec = function.args
    stars = [argument for argument in (spec.vararg, spec.kwarg) if argument]
    return [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *stars]


def test_functions_are_short():
    lengths = sorted(length(function) for _, function, _ in functions())
    assert statistics.median(lengths) <= MEDIAN
    assert lengths[int(0.9 * len(lengths))] <= P90


def test_no_function_is_long():
    assert [place for place, function, _ in functions() if length(function) > LONGEST] == []


def test_no_file_is_long():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in trees()}
    assert {path.name: count for path, count in lines.items() if count > LONGEST_FILE} == {}


def test_everything_is_annotated():
    bare = [
        f"{place}({argument.arg})"
        for place, function, _ in functions()
        for argument in arguments(function)
        if argument.annotation is None and argument.arg not in ("self", "cls")
    ]
    assert bare + [place for place, function, _ in functions() if function.returns is None] == []


def test_at_most_three_positional_parameters():
    def positional(function: Function) -> int:
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        return len([name for name in names if name not in ("self", "cls")])

    def is_public(function: Function) -> bool:
        return (not function.name.startswith("_") and function.name != "forward") or function.name == "__init__"

    # Commands name their parameters for typer, which passes all by keyword.
    found = [(place, f) for place, f, _ in functions() if "ganstyle/cli/" not in place and is_public(f)]
    many = {re.sub(r":\d+", "", place) for place, function in found if positional(function) > POSITIONAL}
    assert [place for place in many if not place.endswith(tuple(FOUR_POSITIONAL))] == []


def test_every_public_name_is_documented():
    silent = [f"{path.relative_to(ROOT)}" for path, tree in trees().items() if not ast.get_docstring(tree)]
    for path, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
                silent += undocumented(f"{path.relative_to(ROOT)}: ", node)
    assert silent == []


def undocumented(place: str, node: ast.ClassDef | Function) -> list[str]:
    found = [] if ast.get_docstring(node) else [place + node.name]
    members = node.body if isinstance(node, ast.ClassDef) else []
    public = [m for m in members if isinstance(m, Function) and not m.name.startswith("_") and m.name != "forward"]
    return found + [f"{place}{node.name}.{member.name}" for member in public if not ast.get_docstring(member)]


def test_names_say_what_a_thing_is():
    files = [path.stem for path in trees()] + [path.parent.name for path in trees()]
    classes = [node.name for tree in trees().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert [name for name in files + classes if BANNED.search(name)] == []


def test_user_input_is_never_checked_by_assert():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_pickles_are_never_read():
    loads = re.compile(r"torch\.load\((?!.*weights_only=True)|pickle\.loads?\(|(?<![.\w])(?:eval|exec)\(|shell=True")
    assert [path.name for path in trees() if loads.search(path.read_text(encoding="utf-8"))] == []


def test_committed_text_names_no_machine_and_no_package_host():
    # "ann" is a made-up user of the privacy tests.
    private = re.compile(r"/(?:home|root|Users)/(?!ann/)\w|index-url|--find-links")
    suffixes = {".py", ".md", ".toml", ".txt", ".sh", ".cfg", ""}
    folders = ("ganstyle", "plugins", "docs", "tests", "benchmarks", ".ci")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    files += [ROOT / name for name in ("README.md", "Makefile", "pyproject.toml", "constraints.txt")]
    texts = {path: path.read_text(encoding="utf-8") for path in files if path.is_file() and path != Path(__file__)}
    assert [str(path.relative_to(ROOT)) for path, text in texts.items() if private.search(text)] == []


def test_tests_are_about_as_long_as_the_source():
    def lines(paths: Iterable[Path]) -> int:
        return sum(len(code_lines(path.read_text(encoding="utf-8"))) for path in paths)

    source, tests = lines(trees()), lines((ROOT / "tests").rglob("*.py"))
    assert tests >= 0.9 * source, f"{tests} lines of tests for {source} of source"


def code_lines(text: str) -> set[int]:
    """Return the numbers of the lines that hold code: no comments, blank lines or docstrings."""
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in layout:
            found.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node) is not None:
            found.difference_update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return found
