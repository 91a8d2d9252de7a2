"""The weights and styles in the wheel: they fit each other, and they paint."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.crops import resized

from ganstyle.data.embedded import embedded_pictures
from ganstyle.data.reading import as_tensor
from ganstyle.engine.model import read_card
from ganstyle.style.bank import StyleBank
from ganstyle.style.base import load_base, resource_path

WEIGHTS = "ganstyle_styles:weights/adastyle.safetensors"
NAMES = (
    *("aivazovsky", "cezanne", "gongwang", "hiroshige", "hokusai", "marc", "modigliani"),
    *("monet", "raphael", "renoir", "sargent", "seurat", "turner", "utamaro", "van_gogh"),
)


@pytest.fixture(scope="module")
def base():
    return load_base(device="cpu")


@pytest.fixture(scope="module")
def photo():
    picture = resized(as_tensor(embedded_pictures("photos")[0]), 192)
    return picture.float()[None] / 127.5 - 1


@pytest.fixture(scope="module")
def paintings(base, photo):
    codes = {name: torch.from_numpy(StyleBank().load(name).code)[None] for name in NAMES}
    with torch.no_grad():
        return {name: base.stylizer.stylize(photo, code) for name, code in codes.items()}


def explained(photo, painting):
    """Return the share of a painting's variance that a quadratic map of the photo's colours explains."""
    r, g, b = photo[0].double().flatten(1)
    features = torch.stack([torch.ones_like(r), r, g, b, r * r, g * g, b * b, r * g, g * b, r * b], 1)
    target = painting[0].double().flatten(1).T
    rest = target - features @ torch.linalg.lstsq(features, target).solution
    return float(1 - rest.square().sum() / (target - target.mean(0)).square().sum())


def test_the_weights_are_small_half_precision_and_say_what_they_saw():
    path = resource_path(WEIGHTS)
    card = read_card(path)
    styles = sum(file.stat().st_size for file in resource_path("ganstyle_styles:styles").glob("*.safetensors"))
    assert path.stat().st_size + styles < 4_000_000
    assert (card.arch.name, card.licence, card.images_seen) == ("adastyle", "Apache-2.0", 57_602)
    assert "public-domain" in card.data


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_style_fits_the_shipped_weights_and_names_its_works(base, name):
    style = StyleBank().load(name)
    assert style.card.base_sha256 == base.sha256
    assert style.card.author and "domain" in style.card.licence and style.card.source
    assert style.code.shape == (base.stylizer.code_length,)


@pytest.mark.parametrize("name", NAMES)
def test_a_style_is_more_than_a_recolouring(paintings, photo, name):
    assert explained(photo, paintings[name]) < 0.93


def test_a_recolouring_would_be_seen(photo):
    assert explained(photo, 0.5 * photo.square() - 0.2 * photo.flip(1) + 0.1) > 0.999


def test_all_styles_differ(paintings):
    pairs = [(a, b) for a in NAMES for b in NAMES if a < b]
    assert min(float((paintings[a] - paintings[b]).abs().mean()) for a, b in pairs) > 0.05


def test_the_layout_stays(paintings, photo):
    grey = photo.mean(1).flatten()
    for name, painting in paintings.items():
        correlation = float(torch.corrcoef(torch.stack([grey, painting.mean(1).flatten()]))[0, 1])
        assert correlation > 0.6, name


def test_a_photo_s_own_code_nearly_returns_it(base, photo):
    with torch.no_grad():
        assert float((base.stylizer(photo, photo) - photo).abs().mean()) < 0.25
