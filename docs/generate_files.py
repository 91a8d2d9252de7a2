"""Write docs/files.md: one sentence for each file, from its own first line (`make docs`)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "files.md"
HEADER = "# Files\n\nWritten by `make docs` from the first line of each file; a test checks that none is missing.\n"
# Files that can't speak for themselves, and folders told by one line.
OTHERS = {
    "README.md": "What ganstyle is, the two commands, measured figures.",
    "LICENSE": "Apache License 2.0.",
    "pyproject.toml": "One wheel with the core and the built-in plugins; dependencies, entry points, tool settings.",
    "constraints.txt": "The exact versions that `make` and the tests use.",
    "Makefile": "`make demo`, `test`, `lint`, `bench`, `docs`, `lock`, `clean`.",
    ".ci/run": "All checks of a change, in one command.",
    "docs/demo.sh": "The main job on embedded data, for `make demo`.",
    "docs/tour.md": "From nothing to a stored style, step by step.",
    "docs/transfer.md": "Painting photographs: strength, strokes, masks, colours, sheets.",
    "docs/styles.md": "Learning, keeping and blending styles of one's own.",
    "docs/translation.md": "Two folders that nobody matched: training and applying translators.",
    "docs/training.md": "Which architecture, how long, what to do when it is stuck, and afterwards.",
    "docs/scaling.md": "Several processes and machines.",
    "docs/evaluation.md": "How to score, what each number means, and its limits.",
    "docs/studies.md": "Asking people: the page, the votes, what they prove.",
    "docs/plugins.md": "How to write a plugin in ten minutes.",
    "docs/troubleshooting.md": "Messages and what to do about them; exit codes.",
    "docs/reference.md": "Every command, option and component, generated.",
    "docs/recipes": "Recipe files of the shipped models.",
    "docs/results": "Measured scores, with hardware and protocol.",
    "plugins/example": "A plugin as a third party would write it; a separate distribution.",
    "benchmarks": "Scripts that measure start-up, steps and transfer.",
    "tests": "Mirrors the source; `conftest.py` keeps the suite off the network.",
}


def page() -> str:
    """Return the whole page."""
    parts = [HEADER, "## Top\n", *(f"- `{name}`: {text}" for name, text in OTHERS.items()), ""]
    for title, folder in [("Core", "ganstyle"), ("Built-in plugins", "plugins"), ("Scripts of the docs", "docs")]:
        parts += [f"## {title}\n", *lines(ROOT / folder), ""]
    return "\n".join(parts).rstrip() + "\n"


def lines(folder: Path) -> Iterator[str]:
    """Yield a line for each Python file below a folder."""
    for path in sorted(folder.rglob("*.py")):
        if "example" in path.parts or "__pycache__" in path.parts:
            continue
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        sentence = " ".join(text.partition("\n\n")[0].split())
        yield f"- `{path.relative_to(ROOT).as_posix()}`: {sentence}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
