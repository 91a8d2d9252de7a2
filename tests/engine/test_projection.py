"""A picture that the generator made is found again."""

from __future__ import annotations

import pytest
import torch
from untrained import untrained

import ganstyle
from ganstyle.engine.generation import sample_model
from ganstyle.engine.projection import Search, fitted, make_distance, project
from ganstyle.errors import UsageError
from ganstyle.functional.images import to_signed
from ganstyle.registry import default_registry

PIXELS = {"perceptual": 0.0}


def own_picture(model, seed=5, **options):
    return sample_model(model, registry=default_registry(), count=1, seed=seed, **options)[0]


@pytest.mark.parametrize(("arch", "gain"), [("progan", 12), ("stylegan2", 8)])
def test_the_generators_own_picture_is_recovered(tmp_path, arch, gain):
    model = untrained(tmp_path, arch)
    found = project(model, own_picture(model), search=Search(steps=120, **PIXELS))
    assert found.psnr > found.start_psnr + gain and found.history[-1] < 0.1 * found.history[0]
    assert len(found.history) == 120 and found.picture.shape == (3, 16, 16)


def test_equal_seeds_find_equal_codes_and_progress_is_told(tmp_path):
    model, told = untrained(tmp_path, "progan"), []
    one, two = (
        project(model, own_picture(model), search=Search(steps=10, seed=2, **PIXELS), progress=progress)
        for progress in (None, lambda done, loss: told.append(done))
    )
    assert torch.equal(one.latents.codes, two.latents.codes) and told == list(range(1, 11))


def test_the_label_that_fits_is_found_or_the_one_given_is_kept(tmp_path):
    model = untrained(tmp_path, "dcgan", styles=("ink", "oil"))
    picture = own_picture(model, style="oil")
    for style, expected in ((None, [0.0, 1.0]), ({"ink": 1.0}, [1.0, 0.0])):
        found = project(model, picture, search=Search(steps=20, starts=8, **PIXELS), style=style)
        assert found.latents.shares[0].tolist() == expected


def test_the_encoders_distance_is_zero_for_the_picture_itself_and_grows_with_noise():
    picture = torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    target = to_signed(picture)[None]
    distance, words = make_distance(target, Search())
    noisy = torch.cat([target, target + 0.1 * torch.randn(1, 3, 32, 32), target.flip(3)])
    values = distance(noisy).tolist()
    assert values[0] == pytest.approx(0, abs=1e-9) and 0 < values[1] < values[2] and "efficientnet" in words


def test_without_the_encoders_weights_pixels_are_compared(monkeypatch):
    monkeypatch.setattr("ganstyle.engine.projection.load_lite0", lambda **_: (_ for _ in ()).throw(FileNotFoundError))
    target = torch.zeros(1, 3, 16, 16)
    distance, words = make_distance(target, Search())
    assert words == "pixels on several scales"
    assert distance(torch.full((2, 3, 16, 16), 0.5)).tolist() == pytest.approx([0.25, 0.25])


def test_a_picture_of_another_size_is_refused(tmp_path):
    with pytest.raises(UsageError, match="the model makes"):
        project(untrained(tmp_path), torch.zeros(3, 8, 8, dtype=torch.uint8))


def test_the_facade_fits_and_projects_any_picture(tmp_path, monkeypatch):
    monkeypatch.setattr("ganstyle.engine.projection.load_lite0", lambda **_: (_ for _ in ()).throw(FileNotFoundError))
    model = untrained(tmp_path, "progan")
    wide = torch.randint(0, 256, (3, 20, 50), dtype=torch.uint8)
    found = ganstyle.project(wide, model.path, steps=3)
    assert found.picture.shape == (3, 16, 16) and len(found.history) == 3
    assert torch.equal(fitted(torch.full((3, 5, 9), 7, dtype=torch.uint8), model), torch.full((3, 16, 16), 7))
