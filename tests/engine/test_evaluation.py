"""Planning, caching, warnings and failures of evaluations, with metrics whose values are known."""

from __future__ import annotations

import math

import pytest
import torch

from ganstyle.api import Evaluator, Options
from ganstyle.config import Selection
from ganstyle.engine.batching import BATCH, batches, pair_batches
from ganstyle.engine.encodings import Encoding
from ganstyle.engine.evaluation import assess, evaluate
from ganstyle.engine.feature_cache import FeatureCache
from ganstyle.engine.generative import LatentSource
from ganstyle.engine.image_sets import ImageSet, as_image_set
from ganstyle.engine.metric_jobs import _within_key
from ganstyle.engine.references import Moments
from ganstyle.errors import EnvironmentProblem, UsageError
from ganstyle.registry import PluginStatus, Registry


class NoOptions(Options):
    """None."""


class Means:
    """An extractor that counts its calls."""

    key, calls = "means", 0

    def __call__(self, images):
        Means.calls += 1
        return images.float().mean((2, 3))


class Gap:
    """Distance of the mean brightness of two sets, on shared features."""

    paired, higher_is_better, extractor = False, False, Means()
    protocol, resize, weights_sha256 = "gap of means", "none", "abc"

    def __init__(self, key):
        self.key = key
        self.reset()

    def update_features(self, features, *, real):
        self.seen[real].append(features)

    def reset(self):
        self.seen = {True: [], False: []}

    def compute(self):
        fake, real = (torch.cat(self.seen[side]).mean() for side in (False, True))
        return {self.key: (fake - real).abs().item()}


class Spread:
    """Mean absolute difference of pairs; no extras beyond the protocol."""

    paired, higher_is_better = True, False

    def __init__(self):
        self.reset()

    def update(self, images, reference):
        self.values += (images.float() - reference.float()).abs().mean((1, 2, 3)).tolist()

    def reset(self):
        self.values = []

    def compute(self):
        return {"spread_l1": sum(self.values) / len(self.values)}


class Plain:
    """A third party's metric of generated pictures alone."""

    paired, higher_is_better, needs_real = False, True, False

    def __init__(self):
        self.total = 0

    def update(self, images, *, real):
        assert not real
        self.total += len(images)

    def reset(self):
        self.total = 0

    def compute(self):
        return {"plain": float(self.total)}


class Styled(Spread):
    """Pairs by the brightness of their style's first work."""

    styled = True

    def take_styles(self, works):
        self.works = {name: int(found[0].max()) for name, found in works.items()}

    def update(self, images, reference, *, styles):
        self.values += [image.float().mean().item() - self.works[name] for image, name in zip(images, styles)]

    def pair_values(self):
        return torch.tensor(self.values)


class Film:
    """Counts frames of films and of their sources."""

    paired, film, higher_is_better = False, True, False

    def __init__(self):
        self.frames = 0

    def update_film(self, frames, reference):
        self.frames += 100 * len(list(frames)) + len(list(reference))

    def compute(self):
        return {"frames": float(self.frames)}


class Drawing:
    """Mean brightness of pictures that it draws itself."""

    paired, generative, higher_is_better = False, True, True

    def measure(self, source, progress):
        self.value = source.synthesise(source.codes(torch.ones(2, source.z_dim))).mean().item()
        progress(2)

    def compute(self):
        return {"drawing": self.value}


def build_styled(options: NoOptions, device):
    return Styled()


def build_film(options: NoOptions, device):
    return Film()


def build_drawing(options: NoOptions, device):
    return Drawing()


def build_gap(options: NoOptions, device):
    return Gap("gap_means")


def build_twin(options: NoOptions, device):
    return Gap("twin_means")


def build_spread(options: NoOptions, device):
    return Spread()


def build_plain(options: NoOptions, device):
    return Plain()


def build_weightless(options: NoOptions, device):
    raise EnvironmentProblem("weights not found", hint="put them there")


def build_broken(options: NoOptions, device):
    broken = Plain()
    broken.update = lambda images, *, real: 1 / 0
    return broken


def build_nan(options: NoOptions, device):
    broken = Plain()
    broken.compute = lambda: {"nan": math.nan}
    return broken


@pytest.fixture
def registry():
    """Only the metrics of this file."""
    targets = {"gap": build_gap, "twin": build_twin, "spread": build_spread, "plain": build_plain}
    targets |= {"styled": build_styled, "film": build_film, "drawing": build_drawing}
    targets |= {"weightless": build_weightless, "broken": build_broken, "nan": build_nan}
    found = Registry()
    components = tuple(Evaluator(name, "Test.", target) for name, target in targets.items())
    found.add(PluginStatus("test:test", "test", "test", "1", components=components))
    return found


@pytest.fixture
def score(registry):
    """Evaluate metrics by name; returns {key: Score}."""
    Means.calls = 0

    def run(names, fake, real=None, **kwargs):
        chosen = [Selection(name) for name in names.split(",")]
        return {found.key: found for found in evaluate(chosen, registry=registry, fake=fake, real=real, **kwargs)}

    return run


def grey(*values, side=4):
    return torch.stack([torch.full((3, side, side), value, dtype=torch.uint8) for value in values])


def test_a_score_carries_value_counts_protocol_and_weights(score):
    found = score("gap", grey(10, 20), grey(40, 50, 60))["gap_means"]
    assert found.value == pytest.approx(35)
    assert (found.n_fake, found.n_real, found.protocol) == (2, 3, "gap of means")
    assert (found.resize, found.weights_sha256, found.error, found.code) == ("none", "abc", "", 0)


def test_metrics_on_one_network_run_it_once_per_batch(score):
    found = score("gap,twin,plain", grey(*range(BATCH + 1)), grey(*range(100, 103)))
    assert Means.calls == 2 + 1
    assert found["gap_means"].value == found["twin_means"].value
    assert found["plain"].value == BATCH + 1


def test_a_metric_that_fails_stops_no_other(score):
    found = score("weightless,broken,nan,gap", grey(1), grey(2))
    assert found["gap_means"].value == 1
    assert (found["weightless"].error, found["weightless"].code) == ("weights not found", 6)
    assert found["weightless"].hint == "put them there"
    assert (found["broken"].error, found["broken"].value) == ("ZeroDivisionError: division by zero", None)
    assert "not a number" in found["nan"].error


def test_an_unknown_metric_or_option_is_said_before_any_work(registry):
    for selection in (Selection("gpa"), Selection("gap", {"nope": 1})):
        with pytest.raises(UsageError, match=r"did you mean 'gap'|no option 'nope'"):
            evaluate([Selection("plain"), selection], registry=registry, fake=iter(()))


def test_missing_real_images_are_an_error_of_that_metric_alone(score):
    found = score("gap,plain", grey(1, 2))
    assert found["gap"].value is None and found["gap"].error
    assert found["plain"].value == 2


def test_pairs_go_to_paired_metrics_and_sets_to_the_others(score):
    pairs = [(grey(10)[0], grey(13)[0]), (grey(20, 30), grey(21, 32))]
    found = score("spread,gap", grey(0), grey(7), pairs=pairs)
    assert found["spread_l1"].value == pytest.approx((3 + 1 + 2) / 3)
    assert (found["spread_l1"].n_fake, found["spread_l1"].n_real) == (3, 0)
    assert found["gap_means"].value == 7


def test_without_pairs_generated_images_meet_one_another_and_the_key_says_so(score):
    found = score("spread", [grey(1, 2), grey(9, side=6), grey(5, 4), grey(8, side=6)])["spread_within_l1"]
    assert found.value == pytest.approx((1 + 1 + 1) / 3)  # 1-2, 5-4 and, of the other size, 9-8
    assert found.n_fake == 3
    assert "compared with one another; higher means more variety" in found.warnings[0]
    assert found.higher_is_better  # a distance: alike pictures are no variety


def test_a_similarity_within_generated_images_is_better_when_low(score, monkeypatch):
    monkeypatch.setattr(Spread, "higher_is_better", True)
    found = score("spread", grey(1, 2))["spread_within_l1"]
    assert not found.higher_is_better and "lower means more variety" in found.warnings[0]


@pytest.mark.parametrize(
    ("name", "key", "within"),
    [
        ("ssim", "ssim_gauss11", "ssim_within_gauss11"),
        ("lpips_efficientnet", "lpips_efficientnet_lite0", "lpips_within_efficientnet_lite0"),
        ("odd", "other", "other_within"),
    ],
)
def test_keys_of_scores_within_say_so(name, key, within):
    assert _within_key(name, key) == within


def test_features_come_from_the_cache_the_second_time(score, tmp_path):
    cache = FeatureCache(tmp_path)
    first = score("gap", grey(1, 2), grey(5), cache=cache)["gap_means"]
    calls = Means.calls
    second = score("gap", grey(1, 2), grey(5), cache=cache)["gap_means"]
    assert (second, Means.calls) == (first, calls)
    score("gap", grey(1, 3), grey(5), cache=cache)
    assert Means.calls == calls + 1


def test_a_stream_is_walked_once_and_never_cached(score, tmp_path):
    found = score("gap,plain,spread", iter([grey(1, 2)]), iter([grey(5)]), cache=FeatureCache(tmp_path))
    assert [found[key].value for key in ("gap_means", "plain", "spread_within_l1")] == [3.5, 2, 1]
    assert list(tmp_path.iterdir()) == []


def test_sizes_compression_and_unreadable_files_are_warned_of(score):
    real = as_image_set(grey(5, side=8))
    real.inspect = lambda: Encoding({"JPEG": 1}, (75,))
    fake = ImageSet(lambda: iter([*grey(1), *grey(1, side=5)]), skipped=[("a.png", "damaged")])
    assert score("gap", fake, real)["gap_means"].warnings == (
        "1 generated files can't be read and were left out",
        "generated images have 2 sizes",
        "sizes differ (generated mixed, real 8 x 8): resizing moves the value",
        "stored differently (generated never compressed, real JPEG (quality about 75)): "
        "compression alone moves the value",
    )


def test_moments_stand_in_for_real_pictures_where_a_metric_takes_them(score, monkeypatch):
    taken = []
    monkeypatch.setattr(Gap, "take_moments", lambda self, mean, covariance: taken.append(mean), raising=False)
    monkeypatch.setattr(Gap, "compute", lambda self: {self.key: float(taken[0].sum())})
    found = score("gap,plain", grey(1), Moments(torch.ones(3), torch.eye(3), "ref.npz"))
    assert (found["gap_means"].value, found["plain"].value) == (3, 1)


def test_a_metric_that_takes_no_moments_says_so(score):
    found = score("gap,plain", grey(1), Moments(torch.ones(3), torch.eye(3), "ref.npz"))
    assert found["gap"].error == "gap needs real pictures; ref.npz holds their mean and covariance only"
    assert found["plain"].value == 1


def test_progress_counts_every_image_once(score):
    done = []
    score("gap,twin,plain", grey(*range(20)), grey(1, 2, 3), progress=done.append)
    assert sum(done) == 23


def test_progress_ends_at_its_total_where_no_metric_looks_at_the_sets(score):
    done = []
    pairs = [(image, image) for image in grey(1, 2)]
    score("spread", grey(1, 2), grey(1, 2), pairs=pairs, progress=done.append)
    assert sum(done) == 6


def test_batches_keep_the_order_and_never_mix_sizes():
    images = [*grey(1, 2), *grey(3, side=5), *grey(4), *grey(*range(5, 5 + BATCH))]
    found = list(batches(images))
    assert [len(batch) for batch in found] == [2, 1, BATCH, 1]
    assert [int(image[0, 0, 0]) for batch in found for image in batch] == list(range(1, 5 + BATCH))


def test_large_pictures_go_in_small_batches():
    images = torch.zeros(3, 3, 2000, 1100, dtype=torch.uint8)
    assert [len(batch) for batch in batches(images)] == [1, 1, 1]


def test_pairs_of_one_size_go_together_and_keep_their_styles():
    small, large = grey(1), grey(2, side=6)
    pairs = [(small[0], small[0], "a"), (small[0], small[0], "b"), (large, large, ["c"]), (grey(3, 4), grey(3, 4))]
    found = [(len(images), styles) for images, _, styles in pair_batches(pairs)]
    assert found == [(2, ["a", "b"]), (1, ["c"]), (2, [])]


def test_a_styled_metric_gets_the_works_and_each_pairs_style(score):
    works = {"dark": [grey(10, side=9)[0]], "light": [grey(200)[0]]}
    pairs = [(grey(11)[0], grey(0)[0], "dark"), (grey(203)[0], grey(0)[0], "light")]
    found = score("styled,spread", grey(0), pairs=pairs, styles=works)
    assert found["spread_l1"].value == pytest.approx((11 + 203) / 2)
    assert assess_styled(pairs, works) == [1, 3]


def assess_styled(pairs, works):
    """Return the value of each pair."""
    found = Registry()
    component = Evaluator("styled", "Test.", build_styled)
    found.add(PluginStatus("test:test", "test", "test", "1", components=(component,)))
    made = assess([Selection("styled")], registry=found, fake=grey(0), pairs=pairs, styles=works)
    return made.pair_values["spread_l1"].tolist()


def test_metrics_that_lack_styles_films_or_a_generator_say_so_alone(score):
    found = score("styled,film,drawing,plain", grey(1), pairs=[(grey(1), grey(1))])
    assert found["plain"].value == 1
    assert found["styled"].error == "styled needs works of the style" and "--style" in found["styled"].hint
    assert found["film"].error == "film compares films" and "eval film" in found["film"].hint
    assert found["drawing"].error == "drawing needs a generator with latents"
    assert {found[key].code for key in ("styled", "film", "drawing")} == {2}


class Doubling(torch.nn.Module):
    """A generator without codes: the latent itself, twice, as a grey picture."""

    z_dim, labels = 3, 0

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(0.25))

    def forward(self, z):
        return (self.gain * z.mean(1))[:, None, None, None].expand(-1, 1, 4, 4)


def test_a_metric_of_generators_draws_from_the_source(score):
    source = LatentSource(Doubling())
    assert (source.z_dim, source.styled, source.labels) == (3, False, 0)
    done = []
    found = score("drawing", grey(1, 2), source=source, progress=done.append)["drawing"]
    assert (found.value, found.n_fake, found.counted) == (0.25, 2, "latents")
    assert sum(done) == 4  # two pictures that it does not look at, two latents


def test_features_that_are_not_finite_name_their_side_and_number(score, monkeypatch, tmp_path):
    monkeypatch.setattr(
        Means, "__call__", lambda self, images: images.float().mean((2, 3)) / (images.amax((2, 3)) != 7)
    )
    found = score("gap,twin,plain", grey(1, 7, 3), grey(2), cache=FeatureCache(tmp_path))
    expected = "1 of 3 generated images have features that are not finite (first: number 2)"
    assert found["gap"].error == found["twin"].error == expected
    assert found["plain"].value == 3
    assert len(list(tmp_path.iterdir())) == 0


def test_metrics_on_one_network_get_the_very_same_tensor(registry):
    seen = []
    registry.build = lambda kind, name, *rest: build_watching(seen)
    assess([Selection("a"), Selection("b")], registry=registry, fake=grey(*range(BATCH + 3)), real=grey(1))
    fakes = [features for features in seen if len(features) > 1]
    assert len(fakes) == 2 and fakes[0] is fakes[1]


def build_watching(seen):
    """Return a metric that keeps every tensor it is given."""
    metric = Gap("watching")
    taken = metric.update_features
    metric.update_features = lambda features, *, real: (seen.append(features), taken(features, real=real))
    return metric
