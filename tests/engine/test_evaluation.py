"""Planning, caching, warnings and failures of evaluations, with metrics whose values are known."""

from __future__ import annotations

import math

import pytest
import torch

from ganstyle.api import Evaluator, Options
from ganstyle.config import Selection
from ganstyle.engine.evaluation import BATCH, batches, evaluate
from ganstyle.engine.feature_cache import FeatureCache
from ganstyle.engine.image_sets import ImageSet, as_image_set
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
    assert "compared with one another" in found.warnings[0]


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
    real.lossy = 1.0
    fake = ImageSet(lambda: iter([*grey(1), *grey(1, side=5)]), skipped=[("a.png", "damaged")])
    assert score("gap", fake, real)["gap_means"].warnings == (
        "1 generated files can't be read and were left out",
        "generated images have 2 sizes",
        "sizes differ (generated mixed, real 8 x 8): resizing moves the value",
        "only one side is JPEG: compression alone moves the value",
    )


def test_progress_counts_every_image_once(score):
    done = []
    score("gap,twin,plain", grey(*range(20)), grey(1, 2, 3), progress=done.append)
    assert sum(done) == 23


def test_batches_keep_the_order_and_never_mix_sizes():
    images = [*grey(1, 2), *grey(3, side=5), *grey(4), *grey(*range(5, 5 + BATCH))]
    found = list(batches(images))
    assert [len(batch) for batch in found] == [2, 1, BATCH, 1]
    assert [int(image[0, 0, 0]) for batch in found for image in batch] == list(range(1, 5 + BATCH))


def test_large_pictures_go_in_small_batches():
    images = torch.zeros(3, 3, 2000, 1100, dtype=torch.uint8)
    assert [len(batch) for batch in batches(images)] == [1, 1, 1]
