"""FID and its offline relative."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics.frechet import Frechet, Lite0Options, build_fd_lite0, build_fid
from ganstyle_metrics.inception import InceptionOptions
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from ganstyle.errors import NoInputError


class Channels:
    """An extractor whose features are known: the mean of each channel."""

    key, width, resize, weights_sha256, standard = "channels", 3, "none", "00", True

    def __call__(self, images):
        return images.float().mean((2, 3))


def colours(n, *, seed, shift=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randint(0, 200, (n, 3, 1, 1), generator=generator) + shift).to(torch.uint8).expand(n, 3, 4, 4)


def metric(fake, real):
    found = Frechet(Channels(), key="fd_channels")
    found.update(fake, real=False)
    found.update(real, real=True)
    return found


@pytest.mark.parametrize(("n", "m"), [(50, 40), (3, 3)])
def test_value_equals_torch_fidelity_on_the_same_features(n, m):
    fake, real = colours(n, seed=0), colours(m, seed=1, shift=30)
    statistics = [fid_features_to_statistics(Channels()(images)) for images in (fake, real)]
    peer = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert metric(fake, real).compute() == {"fd_channels": pytest.approx(peer, rel=1e-6)}


def test_a_shift_of_all_colours_is_its_squared_length():
    images = colours(30, seed=2)
    assert metric(images, images + 10).compute()["fd_channels"] == pytest.approx(3 * 10**2)


def test_split_into_batches_and_order_do_not_matter():
    fake, real = colours(20, seed=3), colours(20, seed=4)
    whole, parts = metric(fake, real), metric(fake[:3], real.flip(0))
    parts.update(fake[3:], real=False)
    assert parts.compute()["fd_channels"] == pytest.approx(whole.compute()["fd_channels"], rel=1e-12)


def test_warnings_name_rank_counts_and_size():
    few = metric(colours(3, seed=0), colours(3, seed=1)).warnings()
    assert few == ["rank-deficient: 3 images, 3 features; compare equal counts only, prefer KID"]
    unequal = metric(colours(5, seed=0), colours(7, seed=1)).warnings()
    assert unequal[0] == "unequal counts (5 generated, 7 real): compare equal counts only"
    assert unequal[1].startswith("only 5 images: below 10,000")


def test_without_real_images_the_metric_says_so_and_reset_forgets_all():
    found = metric(colours(5, seed=0), colours(5, seed=1))
    found.reset()
    found.update(colours(5, seed=0), real=False)
    with pytest.raises(NoInputError, match="no real images"):
        found.compute()


def test_offline_distance_is_named_after_its_network(photos):
    found = build_fd_lite0(Lite0Options(), "cpu")
    found.update(photos, real=True)
    found.update(photos.flip(0), real=False)
    assert found.compute() == {"fd_efficientnet_lite0": pytest.approx(0, abs=1e-2)}
    assert "fid" not in found.protocol.lower()


def test_fid_names_its_resize_and_foreign_weights(inception_values):
    found = build_fid(InceptionOptions(**inception_values), "cpu")
    assert (found.key, found.resize, found.weights_sha256) == ("fid_tf1", "tf1 299", inception_values["weights_sha256"])
    assert "not the published weights" in found.warnings()[0]


@pytest.mark.slow
def test_fid_equals_torch_fidelity_end_to_end(inception_values, photos):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    generator = torch.Generator().manual_seed(0)
    sets = [torch.cat([photos.roll(int(s), 3) for s in torch.randint(0, 80, (12,), generator=generator)]) for _ in "ab"]
    peer = FeatureExtractorInceptionV3("p", ["2048"], feature_extractor_weights_path=inception_values["weights"])
    statistics = [fid_features_to_statistics(peer(images)[0]) for images in sets]
    expected = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    found = build_fid(InceptionOptions(**inception_values), "cpu")
    found.update(sets[0], real=False)
    found.update(sets[1], real=True)
    assert found.compute()["fid_tf1"] == pytest.approx(expected, abs=5e-4)
