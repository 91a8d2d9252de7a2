"""ArtFID: the product of its two factors, done on the sets that the paper means."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics.artfid import ArtFid, ArtFidOptions, ArtInception, build_artfid
from ganstyle_metrics.paired import PairEvaluator
from metric_pictures import hatched, noisy, scene
from torchvision.models import inception_v3

from ganstyle.errors import EnvironmentProblem, InputError, ModelError, NoInputError, UsageError
from ganstyle.functional.distances import frechet_distance


class Colours:
    """The mean colours of a picture, as features."""

    key, width, resize, weights_sha256, standard = "colours", 3, "none", "0" * 64, True

    def __call__(self, images):
        return images.float().mean((2, 3))


class Brightness(PairEvaluator):
    def measure(self, images, reference, **styles):
        return (images.double() - reference.double()).abs().mean((1, 2, 3)) / 255


def pictures(count, seed):
    levels = torch.randint(0, 256, (count, 3, 1, 1), generator=torch.Generator().manual_seed(seed))
    return levels.expand(-1, -1, 40, 48).to(torch.uint8)


WORKS = {"a": list(pictures(5, 1)), "b": list(pictures(4, 2)), "unused": list(pictures(9, 3))}


@pytest.fixture
def metric():
    content = Brightness(key="brightness", protocol="", device="cpu")
    found = ArtFid(content, Colours(), key="artfid_made", device="cpu")
    found.take_styles(WORKS)
    return found


def fed(metric, order=slice(None)):
    images, contents, styles = pictures(6, 4), pictures(6, 5), ["a", "b"] * 3
    index = torch.arange(6)[order]
    metric.update(images[index], contents[index], styles=[styles[i] for i in index.tolist()])
    return images, contents


def test_it_is_the_product_over_pictures_and_the_works_of_their_styles(metric):
    images, contents = fed(metric)
    works = torch.stack([*WORKS["a"], *WORKS["b"]])
    distance = frechet_distance(Colours()(images), Colours()(works)).item()
    content = (images.double() - contents.double()).abs().mean().item() / 255
    assert metric.compute() == {"artfid_made": pytest.approx((1 + content) * (1 + distance), rel=1e-6)}


def test_neither_order_nor_repetition_changes_it(metric):
    fed(metric)
    value = metric.compute()["artfid_made"]
    metric.reset()
    fed(metric, torch.tensor([3, 1, 0, 5, 4, 2]))
    assert metric.compute()["artfid_made"] == metric.compute()["artfid_made"] == pytest.approx(value)


def test_works_themselves_over_their_own_contents_are_the_best_there_is(metric):
    works = torch.stack([*WORKS["a"], *WORKS["b"]])
    metric.update(works, works, styles=["a"] * 5 + ["b"] * 4)
    assert metric.compute()["artfid_made"] == pytest.approx(1, abs=1e-4)


def test_both_factors_and_small_counts_are_told(metric):
    fed(metric)
    said = metric.warnings()
    assert "to the contents" in said[0] and "to the works" in said[0]
    assert any("unequal counts (6 pictures, 9 works)" in text for text in said)


def test_the_interval_holds_the_value(metric):
    fed(metric)
    low, high = metric.intervals()["artfid_made"]
    assert low < metric.compute()["artfid_made"] < high


def test_one_work_is_no_set(metric):
    metric.take_styles({"a": WORKS["a"][:1]})
    metric.update(pictures(3, 4), pictures(3, 5), styles=["a"] * 3)
    with pytest.raises(NoInputError, match="3 pictures, 1 works"):
        metric.compute()


def test_bad_input_is_named(metric):
    with pytest.raises(UsageError, match="needs the style"):
        metric.update(pictures(1, 0), pictures(1, 0))
    with pytest.raises(UsageError, match="no style 'c'"):
        metric.update(pictures(1, 0), pictures(1, 0), styles=["c"])
    with pytest.raises(InputError, match="too small"):
        metric.take_styles({"a": [torch.zeros(3, 9, 40, dtype=torch.uint8)]})


def test_the_offline_one_tells_paintings_from_photographs():
    works = {"lines": [hatched(seed, 64, 80) for seed in (1, 3, 5, 7)]}
    contents = torch.stack([scene(seed) for seed in range(4)])
    shaded = torch.stack([hatched(11 + 2 * i, 64, 80) for i in range(4)]) * (contents.float().mean(1, True) / 400 + 0.4)
    values = {}
    for name, images in (("painted", shaded.to(torch.uint8)), ("noise", noisy(contents, 90))):
        metric = build_artfid(ArtFidOptions(), "cpu")
        metric.take_styles(works)
        metric.update(images, contents, styles=["lines"] * 4)
        values[name] = metric.compute()["artfid_efficientnet_lite0"]
    assert 1 < values["painted"] < values["noise"]


def test_without_the_paper_s_weights_it_says_where_they_are():
    with pytest.raises(EnvironmentProblem, match="ArtFID's Inception are missing") as caught:
        build_artfid(ArtFidOptions(net="art_inception", art_weights="/nowhere/art_inception.pth"), "cpu")
    assert "huggingface.co/matthias-wright" in caught.value.hint


@pytest.fixture(scope="module")
def art_state():
    """Seeded weights of the paper's network; its two heads and auxiliary classifiers are stand-ins."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        shapes = inception_v3(weights=None, aux_logits=False, init_weights=False).state_dict()
    state = {}
    for name, value in shapes.items():
        if value.ndim > 1:
            state[name] = torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5
        else:
            state[name] = torch.zeros((), dtype=torch.long) if value.ndim == 0 else torch.ones(value.shape)
    del state["fc.weight"], state["fc.bias"]
    return state | {name: torch.zeros(1) for name in ("fc1.weight", "fc2.bias", "AuxLogits1.fc.weight")}


def test_the_paper_s_network_gives_pooled_features_of_any_size(art_state):
    network = ArtInception(art_state, weights_sha256="0" * 64)
    found = network(scene(0, 90, 110)[None])
    assert found.shape == (1, 2048) and (found >= 0).all() and found.std() > 0


def test_another_network_is_refused(art_state):
    with pytest.raises(ModelError, match="not the weights of ArtFID"):
        ArtInception({name: value for name, value in art_state.items() if "Mixed_7c" not in name}, weights_sha256="")
