"""What options make of the architectures, and what is refused."""

from __future__ import annotations

import pytest
from ganstyle_translation.architectures import CHANNELS, CutOptions, build_cut
from ganstyle_translation.generators import FastGenerator, ResnetGenerator

from ganstyle.api import ImageSpec
from ganstyle.errors import UsageError
from ganstyle.testing import check_architecture


@pytest.mark.parametrize("name", ["cut", "cyclegan", "multistyle"])
def test_the_kit_passes(name):
    own = {"cut": {"embedding": 8}, "multistyle": {"style_dim": 4, "z_dim": 3, "hidden": 8, "encoder_channels": 4}}
    target = f"ganstyle_translation.architectures:build_{name}"
    check_architecture(_resolved(target), {"base_channels": 4, "blocks": 1, "d_channels": 4} | own.get(name, {}))


def _resolved(target):
    import importlib

    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def test_roles_are_those_that_the_tasks_train(make_networks):
    roles = {name: sorted(make_networks(name)) for name in ("cut", "cyclegan", "multistyle")}
    assert roles["cut"] == ["discriminator", "projector", "translator"]
    assert roles["cyclegan"] == ["discriminator", "discriminator_a", "translator"]
    assert roles["multistyle"] == ["discriminator", "translator"]


def test_the_resnet_of_large_pictures_has_the_nine_blocks_of_the_paper():
    def generator(side, **options):
        networks = build_cut(CutOptions(embedding=8, d_channels=4, **options), ImageSpec(side, side))
        return networks["translator"].generators["a2b"]

    assert isinstance(generator(64), FastGenerator)
    assert [len(generator(side, generator="resnet", base_channels=4).blocks) for side in (64, 128)] == [6, 9]
    assert isinstance(generator(64, generator="resnet", base_channels=2), ResnetGenerator)
    assert generator(64).from_rgb.out_channels == CHANNELS["fast"]


def test_options_of_the_fast_generator_reach_both_directions(make_networks):
    networks = make_networks("cyclegan", coarse=4, ups="linear")["translator"].generators
    assert [(part.coarse, part.ups) for part in networks.values()] == [(4, "linear")] * 2
    plain = make_networks("cut")["translator"].generators["a2b"]
    assert (plain.coarse, plain.ups) == (1, "shuffle")


def test_the_discriminator_grows_with_the_pictures(make_networks):
    def strided(side):
        judge = make_networks(size=(side, side))["discriminator"]
        return sum(getattr(part, "stride", 1) == (2, 2) for part in judge.features)

    assert [strided(side) for side in (16, 64, 128)] == [1, 2, 3]


@pytest.mark.parametrize("image", [ImageSpec(8, 64), ImageSpec(64, 64, channels=1)])
def test_pictures_that_are_too_small_or_grey_are_refused(image):
    with pytest.raises(UsageError, match="RGB pictures of 16 pixels or more"):
        build_cut(CutOptions(), image)


def test_one_domain_is_none(make_networks):
    with pytest.raises(UsageError, match="two domains or more, found one"):
        make_networks("multistyle", labels=1)
    assert make_networks("multistyle", labels=5)["translator"].domains == 5
