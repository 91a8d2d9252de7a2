"""What every built-in GAN must do in a whole run: resume bit for bit, take labels and losses, make rectangles."""

from __future__ import annotations

import pytest
import torch

from ganstyle.config import config_to_dict, resolve
from ganstyle.engine import checkpoint as checkpoints
from ganstyle.engine.generation import generate
from ganstyle.engine.model import read_card
from ganstyle.engine.run import Run
from ganstyle.engine.training import fit
from ganstyle.errors import ModelError, UsageError
from ganstyle.registry import default_registry
from tests.tiny_runs import write_pictures

SMALL = ("train.resolution=16", "train.batch=4", "train.save_every_images=8", "optimizer.schedule=constant")
NARROW = ("arch.base_channels=4", "arch.max_channels=8", "arch.z_dim=8")
# Each with what has a state of its own: growth, ADA and path length, schedules of gamma, decoders.
ARCHITECTURES = {
    "dcgan": ("arch.base_channels=4", "arch.z_dim=8", "task.augment=['color', 'cutout']"),
    "progan": (*NARROW, "arch.growth_share=1.0"),
    "stylegan2": (*NARROW, "arch.w_dim=8", "arch.noise=true", "regularizer.path_length.every=2", "task.ada_p=0.5"),
    "r3gan": (*NARROW, "regularizer.r1.gamma_final=0.01"),
    "fastgan": (*NARROW, "train.resolution=32", "arch.reconstruction=pixels"),
}


@pytest.fixture
def begin(tmp_path):
    """A function that starts a tiny run of an architecture and returns (config, run)."""
    for style in ("blue", "red"):
        write_pictures(tmp_path / "data" / style)

    def started(arch, *sets, images=16):
        flags = {"arch": arch, "data": str(tmp_path / "data"), "train.images": images}
        config = resolve(default_registry(), flags=flags, sets=(*SMALL, *ARCHITECTURES[arch], *sets))
        return config, Run.create(tmp_path / "runs", config_to_dict(config), arch)

    return started


def train(config, run, **options):
    return fit(config, registry=default_registry(), run=run, **options)


def tensors_of(run):
    found = checkpoints.newest_valid(run)
    return found.model | found.train


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_run_cut_in_two_equals_the_whole_one_bit_for_bit(arch, begin):
    config, whole = begin(arch)
    train(config, whole)
    _, halves = begin(arch)
    train(config, halves, until_images=8)
    torch.manual_seed(99)  # whatever the process drew in between must not matter
    train(config, halves)
    one, two = tensors_of(whole), tensors_of(halves)
    assert one.keys() == two.keys() and len(one) > 30
    assert [key for key in one if not torch.equal(one[key], two[key])] == []


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_conditional_run_makes_pictures_of_a_named_style_in_any_shape(arch, begin):
    side = 32 if arch == "fastgan" else 16
    config, run = begin(arch, "train.conditional=true", f"train.width={side * 3 // 2}", images=8)
    train(config, run)
    assert read_card(run.folder / "model.safetensors").styles == ["blue", "red"]
    made = {
        style: generate(run.folder, registry=default_registry(), count=2, style=style, seed=3)
        for style in ("blue", "red")
    }
    assert made["red"].shape == (2, 3, side, side * 3 // 2)
    assert not torch.equal(made["red"], made["blue"])


@pytest.mark.parametrize("arch", ["dcgan", "progan", "r3gan"])
def test_every_loss_trains_every_architecture_without_a_nan(arch, begin):
    for loss in ("bce", "lsgan", "hinge", "wgan", "relativistic"):
        norm = ("arch.norm=spectral",) if arch == "dcgan" else ()
        config, run = begin(arch, f"loss={loss}", *norm, images=4)
        assert train(config, run).images == 4, loss
        assert all(value.isfinite().all() for value in tensors_of(run).values()), loss


def test_a_checkpoint_of_another_shape_names_every_difference(begin):
    config, run = begin("r3gan", images=8)
    train(config, run)
    wider, _ = begin("r3gan", "arch.max_channels=16", images=16)
    with pytest.raises(ModelError) as caught:
        train(wider, run)
    told = caught.value.message
    differing = [key for key in tensors_of(run) if key.startswith("generator/") and key.count(".") and key in told]
    assert len(differing) > 3 and "discriminator" in told


def test_a_generator_goes_on_with_another_discriminator(begin):
    config, run = begin("r3gan", "discriminator=dcgan", "discriminator.norm=none", "discriminator.base_channels=4")
    assert train(config, run).images == 16
    assert any(key.startswith("discriminator/last") for key in tensors_of(run))
    assert generate(run.folder, registry=default_registry(), count=1).shape == (1, 3, 16, 16)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_size_that_can_not_be_made_is_refused_with_sizes_that_can(arch, begin):
    config, run = begin(arch, "train.resolution=37")
    with pytest.raises(UsageError) as caught:
        train(config, run)
    assert "37x37" in caught.value.message and "near it" in caught.value.message
