"""Docs that fail: commands are run, generated pages are current, links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


class Block(NamedTuple):
    """A fenced block: its words after the fence, and its text."""

    words: tuple[str, ...]
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(tuple(words.split()), text) for words, text in BLOCK.findall(page.read_text(encoding="utf-8"))]


def commands(block: Block) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in block.text.splitlines() if line.startswith("ganstyle ")]


def script(name: str):
    """Import a script of docs/."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def has_weights() -> bool:
    from ganstyle.registry import default_registry
    from ganstyle.style.base import base_records, resource_path

    return any(resource_path(record.weights).is_file() for record in base_records(default_registry()) if record.weights)


@pytest.fixture
def readers_folder(tmp_path, monkeypatch):
    """The folder that the pages tell the reader to have."""
    from ganstyle.data.embedded import embedded_pictures

    (tmp_path / "my_pictures").mkdir()
    for painting in embedded_pictures("paintings", "hiroshige")[:8]:
        shutil.copy(painting, tmp_path / "my_pictures")
    shutil.copy(embedded_pictures("photos")[0], tmp_path / "photo.jpg")
    shutil.copy(embedded_pictures("paintings", "monet")[0], tmp_path / "painting.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_marked_run_do_what_they_say(page, readers_folder, run_cli):
    for block in blocks(page):
        if "run" not in block.words or ("weights" in block.words and not has_weights()):
            continue
        if block.words[0] == "python":
            exec(compile(block.text, page.name, "exec"), {})
        for words in commands(block):
            done = run_cli(*words)
            assert done.code == 0, f"ganstyle {shlex.join(words)}: {done.err}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_exists_with_its_options(page, run_cli):
    for block in blocks(page):
        for words in commands(block) if block.words and block.words[0] == "sh" else []:
            options = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--help"}
            names = words[: 2 if len(words) > 1 and words[0] in GROUPS else 1]
            shown = run_cli(*names, "--help")
            assert shown.code == 0, shown.err
            assert all(re.search(rf"{option}\b", shown.out) for option in options), words


GROUPS = {
    "style",
    "study",
    "model",
    "data",
    "arch",
    "loss",
    "metric",
    "dataset",
    "task",
    "regularizer",
    "callback",
    "plugin",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_are_valid(page):
    for block in blocks(page):
        if block.words and block.words[0] == "python":
            compile(block.text, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_reference_is_current():
    from ganstyle.registry import load_registry

    reference = script("generate_reference")
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(load_registry(plugins=False)), "run make docs"


def test_every_file_has_its_sentence():
    files = script("generate_files")
    assert files.PAGE.read_text(encoding="utf-8") == files.page(), "run make docs"
    assert [line for line in files.page().splitlines() if line.startswith("- ") and line.endswith("`: ")] == []


def test_files_told_by_hand_exist():
    assert [name for name in script("generate_files").OTHERS if not (ROOT / name).exists()] == []


def test_troubleshooting_lists_every_exit_code():
    from ganstyle import errors

    codes = {value.code for value in vars(errors).values() if hasattr(value, "code")} | {0, 3, 130}
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == codes


def test_every_environment_variable_is_documented():
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "ganstyle").rglob("*.py")]
    used = {name for text in sources for name in re.findall(r"\"(GANSTYLE_[A-Z_]+)\"", text)}
    assert {name for name in used if name not in page and name != "GANSTYLE_FAULT"} == set()


def test_dependencies_are_pinned_and_no_host_is_named():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[\w.]+", line) for line in lines)
    assert {"torch==2.14.1", "torchvision==0.29.2"} <= set(lines)


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make_says_what_is_missing(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    status = os.system(f"cd {tmp_path} && make install PYTHON=no_such_python >out 2>&1")
    assert status != 0
    assert "hint:  apt-get install python3 python3-venv" in (tmp_path / "out").read_text()
