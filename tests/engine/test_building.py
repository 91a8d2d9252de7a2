"""The networks of one architecture, judged by another's discriminator."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from torch import nn

from ganstyle.api import ImageSpec
from ganstyle.config import Selection, resolve
from ganstyle.engine.building import build_networks
from ganstyle.engine.generation import sample_model
from ganstyle.engine.model import card_of, load_model, save_model
from ganstyle.engine.session import open_session
from ganstyle.errors import UsageError
from ganstyle.registry import default_registry

SMALL = ["arch.base_channels=4", "arch.z_dim=8", "train.resolution=16", "train.batch=4"]
IMAGE = ImageSpec(16, 16)


def test_the_discriminator_comes_from_the_other_architecture():
    made = build_networks(
        default_registry(), IMAGE, arch=Selection("dcgan", {"z_dim": 8}), discriminator=Selection("progan")
    )
    names = {role: type(network).__module__ for role, network in made.items()}
    assert names == {"generator": "ganstyle_gans.dcgan", "discriminator": "ganstyle_gans.progan"}


def test_an_architecture_without_a_discriminator_is_refused():
    made = SimpleNamespace(build=lambda kind, name, options, image: {"stylizer": nn.Identity()})
    with pytest.raises(UsageError, match="painter has no discriminator; it has stylizer") as caught:
        build_networks(made, IMAGE, arch=Selection("dcgan"), discriminator=Selection("painter"))
    assert caught.value.where == "discriminator"


def test_a_run_with_another_discriminator_trains_it_and_its_model_samples(tmp_path):
    registry = default_registry()
    config = resolve(registry, sets=[*SMALL, "discriminator=progan"])
    session = open_session(config, registry)
    assert type(session.task.networks["discriminator"]).__module__ == "ganstyle_gans.progan"
    card = card_of(config, session.image, registry=registry)
    path = save_model(tmp_path / "model.safetensors", {"generator": session.task.networks["generator"]}, card)
    model = load_model(path, registry=registry)
    assert model.card.discriminator.name == "progan" and "discriminator" in model.untrained
    assert sample_model(model, registry=registry, count=2).shape == (2, 3, 16, 16)
