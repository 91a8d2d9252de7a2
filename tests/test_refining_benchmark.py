"""The sheet of what refining does: styles made once, scores taken from cards, means over works."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tiny_painter import Painter, gradient, painter

from ganstyle.style.bank import Style
from ganstyle.style.card import StyleCard

__all__ = ["painter"]  # a fixture
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def program():
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("style_refining")
    sys.path.remove(str(BENCHMARKS))


def style(**facts: object) -> Style:
    return Style(StyleCard("x", "moments", "ab" * 32, **facts), np.zeros(6, np.float32))


def test_a_style_is_made_once_and_then_read(program, painter: Painter, tmp_path: Path) -> None:
    work = tmp_path / "work.png"
    gradient().save(work)
    instant, refined = (
        program.style_by(way, work, base=painter.base, steps=2, kept=tmp_path / "kept") for way in ("instant", "code")
    )
    assert (instant.card.fit_steps, refined.card.fit_steps) == (0, 2)
    work.unlink()
    again = program.style_by("code", work, base=painter.base, steps=2, kept=tmp_path / "kept")
    assert np.array_equal(again.code, refined.code)


def test_scores_come_from_the_cards(program) -> None:
    styles = {
        "instant": style(),
        "code": style(fit_steps=3, instant_score=2.0, refined_score=1.5),
        "code + adapter": style(fit_steps=3, instant_score=2.0, refined_score=1.25),
    }
    assert [program.held_out(way, styles) for way in program.WAYS] == [2.0, 1.5, 1.25]


def test_the_table_ends_with_means_over_works(program) -> None:
    rows = {
        (work, way): {"a": a} for work, way, a in [("x", "i", 1.0), ("x", "c", 2.0), ("y", "i", 3.0), ("y", "c", 5.0)]
    }
    lines = program.table(rows).splitlines()
    assert lines[0] == "| work | style | a |" and lines[2] == "| x | i | 1.000 |"
    assert lines[-2:] == ["| mean | i | 2.000 |", "| mean | c | 3.500 |"]


def test_cells_have_one_width_and_the_pictures_aspect(program) -> None:
    assert program.cell(np.zeros((100, 200, 3), np.uint8)).size == (program.CELL, program.CELL // 2)


def test_the_program_writes_a_sheet_and_a_table(program, painter: Painter, tmp_path: Path, monkeypatch) -> None:
    gradient().save(tmp_path / "work.png")
    gradient(90, 60).save(tmp_path / "photo.png")
    monkeypatch.setattr(program, "load_base", lambda device: painter.base)
    wish = SimpleNamespace(
        works=[tmp_path / "work.png"], photos=[tmp_path / "photo.png"], steps=2, out=tmp_path / "sheet", judge=None
    )
    monkeypatch.setattr(program, "wishes", lambda: wish)
    program.main()
    assert Image.open(tmp_path / "sheet.jpg").width > 4 * program.CELL
    assert "| work | code + adapter |" in (tmp_path / "sheet.md").read_text()
