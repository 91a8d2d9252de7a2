"""Content and artefacts: each kind of damage raises its own value, and recolouring none much."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics.content import (
    TESTS,
    ArtefactOptions,
    ContentOptions,
    build_content_distance,
    build_edge_artefacts,
)
from metric_pictures import blurred, noisy, scene

from ganstyle.errors import InputError, NoInputError


def plain(seed=0):
    return scene(seed, height=96, width=128)[None]


def recoloured(images):
    return 255 - images.flip(1) // 2


@pytest.fixture(scope="module", params=["instance", "whitened"])
def content(request):
    return build_content_distance(ContentOptions(structure=request.param), "cpu")


def test_the_same_layout_is_nothing_and_another_picture_is_far(content):
    assert content.measure(plain(), plain()).item() == pytest.approx(0, abs=1e-5)
    assert 1 < content.measure(plain(1), plain()).item() < 2.2


def test_content_is_lost_by_degrees(content):
    values = [content.measure(blurred(plain(), radius), plain()).item() for radius in (1, 3, 6)]
    assert values == sorted(values)
    shifts = [content.measure(plain().roll(by, 3), plain()).item() for by in (2, 8, 24)]
    assert shifts == sorted(shifts)


def test_recolouring_costs_less_than_another_layout(content):
    assert content.measure(recoloured(plain()), plain()) < 0.7 * content.measure(plain().flip(3), plain())


def test_the_key_names_structure_and_network(content):
    assert content.key == f"content_distance_{content.structure}_efficientnet_lite0"
    assert "b4.output b7.output b10.output" in content.protocol


@pytest.fixture
def artefacts():
    return build_edge_artefacts(ArtefactOptions(), "cpu")


def with_dots(images):
    found = images.clone()
    found[..., ::4, ::4] = (found[..., ::4, ::4].int() + 60).clamp(max=255).to(torch.uint8)
    return found


def with_seam(images):
    found = images.int()
    found[..., 70:] += 30
    return found.clamp(0, 255).to(torch.uint8)


def with_border(images):
    found = noisy(images, 40)
    found[..., 8:-8, 8:-8] = images[..., 8:-8, 8:-8]
    return found


def radius(height=96, width=128):
    return ((torch.arange(height)[:, None] - 46.0) ** 2 + (torch.arange(width) - 62.0) ** 2).sqrt()


def outlined():
    disc = torch.where(radius() < 25, 180, 60).expand(1, 3, -1, -1).to(torch.uint8)
    return noisy(disc, 2)


def with_halo(images):
    rim = ((radius() > 29) & (radius() < 32)) | ((radius() > 18) & (radius() < 21))
    return torch.where(rim, images + 60, images)


@pytest.mark.parametrize(
    ("name", "damage"), [("dots", with_dots), ("seams", with_seam), ("border", with_border), ("halos", with_halo)]
)
def test_each_artefact_raises_its_own_test_most(artefacts, name, damage):
    image = outlined()
    artefacts.update(damage(image), image)
    found = artefacts.compute()
    parts = {test: found[f"edge_artefacts_{test}"] for test in TESTS}
    assert max(parts, key=parts.get) == name
    assert parts[name] > 4
    assert found["edge_artefacts"] == pytest.approx(parts[name])


def test_an_untouched_picture_has_none(artefacts):
    artefacts.update(plain(), plain())
    assert artefacts.compute() == {"edge_artefacts": 0, **{f"edge_artefacts_{name}": 0 for name in TESTS}}


def test_every_value_has_an_interval_and_the_worst_test_of_each_pair_is_given(artefacts):
    artefacts.update(torch.cat([with_seam(outlined()), outlined()]), torch.cat([outlined(), outlined()]))
    assert artefacts.pair_values()[0] > 4 and artefacts.pair_values()[1] == 0
    assert artefacts.intervals().keys() == artefacts.compute().keys()


def test_reset_forgets_all_tests(artefacts):
    artefacts.update(plain(1), plain())
    artefacts.reset()
    with pytest.raises(NoInputError, match="no pairs"):
        artefacts.compute()


def test_pictures_below_64_pixels_are_refused(artefacts, content):
    for metric in (artefacts, content):
        with pytest.raises(InputError, match="at least 64 pixels"):
            metric.update(scene(width=50)[None], scene(width=50)[None])
