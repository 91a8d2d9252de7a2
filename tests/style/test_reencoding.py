"""A style of another base model is encoded again from the pictures that it carries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_painter import Painter, noise

from ganstyle.errors import ModelError
from ganstyle.style.bank import Style, StyleBank, read_style, write_style
from ganstyle.style.learning import make_style
from ganstyle.style.reencoding import is_for, pictures_of, suited
from ganstyle.style.selection import select_style

LIE = b"\xff\xd8\xff no picture"


@pytest.fixture
def old(painter: Painter) -> Style:
    """A refined style of three works, as an earlier base model left it."""
    style = make_style([noise((60 * i, 90, 120), size=(200, 260)) for i in range(3)], name="mine", base=painter.base)
    card = replace(style.card, base_sha256="0f" * 32, fit_steps=40, instant_score=0.5, refined_score=0.4)
    return replace(style, card=card, code=np.zeros(9, np.float32), codes=None)


def test_a_style_of_this_base_model_is_returned_as_it_is(painter: Painter) -> None:
    style = make_style([noise((90, 80, 70))], name="x", base=painter.base)
    told: list[str] = []
    assert suited(style, painter.base, warn=told.append) is style
    assert told == []


def test_its_small_pictures_give_nearly_the_code_that_the_works_give(painter: Painter, old: Style) -> None:
    told: list[str] = []
    again = suited(old, painter.base, warn=told.append)
    works = [noise((60 * i, 90, 120), size=(200, 260)) for i in range(3)]
    assert np.abs(again.code - make_style(works, name="x", base=painter.base).code).max() < 0.05
    assert is_for(again, painter.base) and again.samples == old.samples and again.thumbnail == old.thumbnail
    assert (again.card.fit_steps, again.card.refined_score, again.card.works) == (0, 0.0, 3)
    assert "3 small pictures" in told[0] and "40 steps of refinement are lost" in told[0]


def test_without_samples_the_thumbnail_serves(painter: Painter, old: Style) -> None:
    told: list[str] = []
    again = suited(replace(old, samples=(LIE,)), painter.base, warn=told.append)
    first = make_style([noise((0, 90, 120), size=(200, 260))], name="x", base=painter.base)
    assert np.abs(again.code - first.code).max() < 0.1
    assert "from its thumbnail" in told[0]


def test_without_any_picture_it_is_refused_with_the_remedy(painter: Painter, old: Style) -> None:
    with pytest.raises(ModelError, match="was made for base model moments 0f0f"):
        suited(replace(old, samples=(), thumbnail=b""), painter.base)


def test_damaged_pictures_are_left_out(old: Style) -> None:
    good, kind = pictures_of(replace(old, samples=(LIE, old.samples[0])))
    assert (good, kind) == ([old.samples[0]], "small picture")
    assert pictures_of(replace(old, samples=(), thumbnail=LIE))[0] == []


def test_transfer_takes_an_old_style_with_a_warning(painter: Painter, old: Style, tmp_path) -> None:
    path = write_style(old, tmp_path / "mine.style.safetensors")
    with pytest.warns(UserWarning, match="encoded again"):
        chosen = select_style(path, bank=StyleBank(painter.registry), base=painter.base)
    assert is_for(chosen, painter.base) and chosen.name == "mine"


def test_samples_come_back_from_a_file_and_too_many_are_refused(painter: Painter, old: Style, tmp_path) -> None:
    path = write_style(old, tmp_path / "a.style.safetensors")
    assert read_style(path).samples == old.samples
    write_style(replace(old, samples=(b"x",) * 9), path, overwrite=True)
    with pytest.raises(ModelError, match="sample8"):
        read_style(path)
