"""The slow way to paint: which pictures it aims at, and what it hands to the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_painter import Painter, gradient, noise

from ganstyle.errors import EnvironmentProblem, InputError, UsageError
from ganstyle.style.bank import StyleBank
from ganstyle.style.optimising import Method, optimising_brush, works_of
from ganstyle.style.selection import select_style
from ganstyle.style.transfer import TransferOptions, apply_styles, picture_of


def test_methods_have_names_and_one_has_another() -> None:
    assert [Method(name).checked().name for name in ("fast", "optimise", "gatys")] == ["fast", "optimise", "optimise"]
    with pytest.raises(UsageError, match="did you mean 'gatys'"):
        Method("gatis").checked()
    for steps in (0, -1, 10**6):
        with pytest.raises(UsageError, match="steps"):
            Method("optimise", steps).checked()


def test_a_picture_says_how_it_was_made() -> None:
    methods = (Method(), Method("gatys", 7).checked(), Method("optimise", 7, "vgg19").checked())
    assert [method.record for method in methods] == ["fast", "optimise 7", "optimise 7 vgg19"]


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (Method("fast", backbone="vgg16"), "--backbone needs pixels that are optimised"),
        (Method("optimise", download=True), "--download needs pixels that are optimised with a backbone"),
        (Method("optimise", backbone="vgg18"), "unknown backbone 'vgg18'; did you mean 'vgg1"),
    ],
)
def test_a_backbone_is_for_optimising_and_must_exist(method: Method, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        method.checked()


def test_backbones_come_from_the_registry_and_missing_weights_are_named(monkeypatch, tmp_path: Path) -> None:
    assert Method("optimise").build() is None
    assert "b0.depthwise" in Method("optimise", backbone="efficientnet_lite0").build().style_taps
    with pytest.raises(UsageError, match="no option 'download'"):
        Method("optimise", backbone="efficientnet_lite0", download=True).build()
    monkeypatch.setenv("GANSTYLE_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match=r"vgg19-dcbb9e9d.pth not found") as caught:
        Method("optimise", backbone="vgg19").build()
    assert "--download" in caught.value.hint


def test_a_backbone_reaches_the_network(painter: Painter) -> None:
    optimiser, judge = Optimiser(), object()
    base = SimpleNamespace(stylizer=optimiser, name="x")
    work = noise((90, 180, 60)).permute(1, 2, 0).numpy()
    brush = optimising_brush(base, {"sunset": [work]}, steps=2, backbone=judge, progress=lambda *done: None)
    brush(np.asarray(gradient()), StyleBank().load("sunset"), TransferOptions())
    assert optimiser.calls[0]["backbone"] is judge


def test_a_picture_is_its_own_work_in_full(painter: Painter, tmp_path: Path) -> None:
    gradient().save(tmp_path / "work.png")
    bank, wanted = StyleBank(), str(tmp_path / "work.png")
    (work,) = works_of(wanted, select_style(wanted, bank=bank, base=painter.base), bank=bank)
    assert np.array_equal(work, np.asarray(gradient()))


def test_a_stored_style_has_small_pictures_of_its_works(painter: Painter) -> None:
    bank = StyleBank()
    works = works_of("sunset", bank.load("sunset"), bank=bank)
    assert works
    assert np.allclose(np.mean([work.mean((0, 1)) for work in works], 0), (200, 90, 40), atol=6)


def test_a_style_without_pictures_and_a_mixture_are_refused(painter: Painter) -> None:
    bank = StyleBank()
    bare = replace(bank.load("sunset"), thumbnail=b"", samples=())
    mixture = select_style("sunset:1,night:1", bank=bank, base=painter.base)
    for wanted, style in (("sunset", bare), ("sunset:1,night:1", mixture)):
        with pytest.raises(UsageError, match="no picture"):
            works_of(wanted, style, bank=bank)


class Optimiser:
    """Notes what it is given; paints the mean of the works."""

    def __init__(self) -> None:
        self.calls: list[dict] = []

    def optimise(self, content, works, *, steps, seed, strength, progress, **more):
        self.calls.append({"steps": steps, "seed": seed, "strength": strength, "dtype": content.dtype} | more)
        for step in range(steps):
            progress(step + 1, steps)
        mean = torch.stack([work.float().mean((1, 2)) for work in works]).mean(0)
        return mean[:, None, None].expand_as(content).round().byte()


def test_the_network_gets_photograph_works_and_settings(painter: Painter) -> None:
    optimiser, seen = Optimiser(), []
    work = noise((90, 180, 60)).permute(1, 2, 0).numpy()
    base = SimpleNamespace(stylizer=optimiser, name="x")
    brush = optimising_brush(base, {"sunset": [work]}, steps=3, progress=lambda *done: seen.append(done))
    options = TransferOptions(strength=0.7, seed=5)
    painting = apply_styles(
        picture_of(gradient()), [StyleBank().load("sunset")], base=painter.base, options=options, brush=brush
    )
    assert optimiser.calls == [{"steps": 3, "seed": 5, "strength": 0.7, "dtype": torch.uint8}]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert np.abs(painting.rgb.astype(int) - (90, 180, 60)).max() <= 2


def test_a_sliver_and_a_base_model_that_cannot_are_refused(painter: Painter) -> None:
    with pytest.raises(UsageError, match="can't optimise"):
        optimising_brush(painter.base, {})
    brush = optimising_brush(SimpleNamespace(stylizer=Optimiser(), name="x"), {"sunset": []})
    with pytest.raises(InputError, match="20 pixels"):
        brush(np.zeros((20, 200, 3), np.uint8), StyleBank().load("sunset"), TransferOptions())


def test_a_folder_gives_all_its_pictures(tmp_path: Path, painter: Painter) -> None:
    gradient().save(tmp_path / "a.bmp")
    gradient(90, 70).save(tmp_path / "b.png")
    bank, wanted = StyleBank(), str(tmp_path)
    works = works_of(wanted, select_style(wanted, bank=bank, base=painter.base), bank=bank)
    assert [work.shape for work in works] == [(80, 120, 3), (70, 90, 3)]
