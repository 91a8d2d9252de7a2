"""Styles with an adapter on every way that a style goes: painting, strength, tiles, mixtures, files, learning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_painter import gradient, noise

from ganstyle.data.reading import Picture
from ganstyle.style.bank import Style, StyleBank, check_base, read_style, write_style
from ganstyle.style.base import BaseModel
from ganstyle.style.learning import make_style
from ganstyle.style.reencoding import suited
from ganstyle.style.refining import RefinePlan
from ganstyle.style.selection import blend
from ganstyle.style.tiling import Tiling, paint
from ganstyle.style.transfer import TransferOptions, apply_style

GRADIENT = np.asarray(gradient())


@pytest.fixture(scope="module")
def plain(adastyle: BaseModel) -> Style:
    return make_style(noise((90, 120, 60)), name="leaf", base=adastyle)


@pytest.fixture(scope="module")
def adapted(adastyle: BaseModel, plain: Style) -> Style:
    drawn = np.random.default_rng(1).standard_normal(adastyle.adapter_length)
    return replace(plain, adapter=(0.1 * drawn).astype(np.float16))


def painted(style: Style, base: BaseModel, **options: object) -> np.ndarray:
    return apply_style(Picture(GRADIENT), style, base=base, options=TransferOptions(**options)).rgb.astype(int)


def test_transfer_paints_with_the_adapter(adastyle: BaseModel, plain: Style, adapted: Style) -> None:
    assert np.abs(painted(adapted, adastyle) - painted(plain, adastyle)).mean() > 1
    zeros = replace(plain, adapter=np.zeros(adastyle.adapter_length, np.float16))
    assert np.abs(painted(zeros, adastyle) - painted(plain, adastyle)).max() <= 1


def test_strength_zero_is_the_photograph_and_strength_weakens_the_adapter(adastyle, plain, adapted) -> None:
    assert np.array_equal(painted(adapted, adastyle, strength=0.0), GRADIENT)
    gaps = [
        np.abs(painted(adapted, adastyle, strength=t) - painted(plain, adastyle, strength=t)).mean()
        for t in (0.3, 0.6, 1.0)
    ]
    assert gaps == sorted(gaps) and gaps[0] > 0


def test_tiles_with_an_adapter_are_the_whole(adastyle: BaseModel, adapted: Style) -> None:
    picture = np.asarray(gradient(700, 330))
    whole, tiled = (
        paint(adastyle, picture, adapted.numbers, tiling=tiling).astype(int) for tiling in (Tiling(), Tiling(tile=256))
    )
    assert np.abs(whole - tiled).max() <= 2


def test_stroke_sizes_and_variations_take_the_adapter_along(adastyle: BaseModel, plain: Style, adapted: Style) -> None:
    for options in ({"stroke_size": 2.0}, {"variation": 2}):
        assert np.abs(painted(adapted, adastyle, **options) - painted(plain, adastyle, **options)).mean() > 1


def test_a_mixture_has_its_share_of_the_adapter(adastyle, plain, adapted, tmp_path: Path) -> None:
    bank = StyleBank(folder=tmp_path)
    for style, name in ((plain, "one"), (adapted, "two")):
        bank.add(replace(style, card=replace(style.card, name=name)))
    mixed = blend([("one", 0.75), ("two", 0.25)], bank=bank, base=adastyle)
    assert mixed.adapter.dtype == np.float16
    assert np.allclose(mixed.adapter, 0.25 * adapted.adapter.astype(np.float32), atol=1e-3)
    assert blend([("one", 1.0), ("two", 0.0)], bank=bank, base=adastyle).adapter is None


def test_a_file_paints_what_was_painted_before_it_was_written(adastyle, adapted, tmp_path: Path) -> None:
    again = read_style(write_style(adapted, tmp_path / "a.style.safetensors"))
    assert np.array_equal(painted(check_base(again, adastyle), adastyle), painted(adapted, adastyle))


def test_another_base_model_encodes_anew_without_the_adapter(adastyle: BaseModel, adapted: Style) -> None:
    stale = replace(adapted, card=replace(adapted.card, base_sha256="0f" * 32))
    assert suited(stale, adastyle, warn=lambda note: None).adapter is None


@pytest.mark.parametrize("adapter", [True, False])
def test_learning_makes_an_adapter_where_it_is_asked_for(adastyle: BaseModel, adapter: bool, monkeypatch) -> None:
    monkeypatch.setattr(type(adastyle.stylizer), "fitting", lambda self, *works, **how: Moved(self, how))
    plan = RefinePlan(steps=2, adapter=adapter, photos=[noise((10, 90, 60), size=(150, 150))])
    style = make_style(noise((90, 120, 60), size=(150, 150)), name="leaf", base=adastyle, plan=plan)
    assert style.card.refined_score < style.card.instant_score
    assert (style.adapter is not None) == adapter
    if adapter:
        assert style.adapter.shape == (adastyle.adapter_length,)


class Moved:
    """A fitting whose steps cost nothing; every one is for the better."""

    def __init__(self, stylizer, how) -> None:
        length = stylizer.adapter_length if how["adapter"] else 0
        self.steps, self.code = 0, torch.cat([how["code"], torch.ones(length)])

    def step(self, fraction: float) -> dict[str, float]:
        self.steps += 1
        return {}

    def score(self, code: torch.Tensor) -> dict[str, float]:
        return {"total": 1.0 / (1 + self.steps)}
