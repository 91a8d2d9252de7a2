"""FID and its offline relative."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics.frechet import (
    FEWEST_LITE0,
    Frechet,
    FrechetAtInfinity,
    Lite0Options,
    build_fd_infinity_lite0,
    build_fd_lite0,
    build_fid,
    build_fid_infinity,
)
from ganstyle_metrics.inception import InceptionOptions
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from ganstyle.errors import InputError, NoInputError
from ganstyle.functional.distances import moments


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


def test_moments_stand_in_for_real_pictures():
    fake, real = colours(50, seed=0), colours(40, seed=1, shift=30)
    plain, found = metric(fake, real), Frechet(Channels(), key="fd_channels")
    found.update(fake, real=False)
    found.take_moments(*moments(Channels()(real)))
    assert found.compute()["fd_channels"] == pytest.approx(plain.compute()["fd_channels"], rel=1e-9)
    low, high = found.intervals()["fd_channels"]
    wide_low, wide_high = plain.intervals()["fd_channels"]
    assert wide_low < low < found.compute()["fd_channels"] < high < wide_high
    assert any("resize must have been none" in text for text in found.warnings())
    assert not any("unequal" in text for text in found.warnings())
    found.update(fake + 50, real=False)  # more pictures after a value was given
    assert found.compute()["fd_channels"] != pytest.approx(plain.compute()["fd_channels"], rel=1e-3)


def test_moments_of_another_network_are_refused():
    found = Frechet(Channels(), key="fd_channels")
    with pytest.raises(InputError, match="the reference has 4 values per image, this network 3"):
        found.take_moments(torch.zeros(4), torch.eye(4))


def test_moments_can_be_written_as_a_reference_and_used_again():
    fake, real = colours(50, seed=0), colours(40, seed=1, shift=30)
    found = metric(fake, real)
    for is_real, images in ((False, fake), (True, real)):
        for part, expected in zip(found.moments(real=is_real), moments(Channels()(images)), strict=True):
            torch.testing.assert_close(part, expected)


def at_infinity(fake, real, fewest=60):
    found = FrechetAtInfinity(Channels(), key="fd_infinity_channels", fewest=fewest)
    found.update(fake, real=False)
    found.update(real, real=True)
    return found


def test_the_limit_is_below_the_plain_distance_and_has_a_wider_interval():
    fake, real = colours(600, seed=0), colours(3000, seed=1)
    plain, found = metric(fake, real), at_infinity(fake, real)
    assert found.compute()["fd_infinity_channels"] < plain.compute()["fd_channels"]
    low, high = found.intervals()["fd_infinity_channels"]
    assert low < found.compute()["fd_infinity_channels"] < high
    assert found.warnings() == []
    assert "15 sizes from 60 up" in found.protocol


def test_too_few_for_the_limit_are_refused_and_a_short_lever_is_said():
    with pytest.raises(InputError, match="60 generated images are too few"):
        at_infinity(colours(60, seed=0), colours(90, seed=1)).compute()
    said = at_infinity(colours(61, seed=0), colours(90, seed=1)).warnings()
    assert [text.split(":")[0] for text in said] == ["fewer than 120 generated images", "only 90 real images"]


def test_the_limit_of_fid_needs_5000_and_that_of_320_features_as_many_per_feature(inception_values):
    assert build_fid_infinity(InceptionOptions(**inception_values), "cpu").fewest_images == 5000
    assert build_fd_infinity_lite0(Lite0Options(), "cpu").fewest_images == FEWEST_LITE0 == 800
    assert FEWEST_LITE0 / 320 == pytest.approx(5000 / 2048, rel=0.03)


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
