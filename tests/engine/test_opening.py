"""A run, a checkpoint and a model file are the same generator."""

from __future__ import annotations

import pytest
import torch
from untrained import networks_of, write_run

from ganstyle.config import config_to_dict
from ganstyle.engine import checkpoint
from ganstyle.engine.generation import generate
from ganstyle.engine.model import load_model
from ganstyle.engine.opening import find_model, open_model
from ganstyle.engine.run import Run
from ganstyle.errors import ModelError, NoInputError
from ganstyle.registry import default_registry


def checkpointed(root, *, styles=(), sets=None):
    """Write a run with one checkpoint whose averaged generator is that of the model file; return the checkpoint."""
    config, _, networks = networks_of("dcgan", styles=styles)
    plain = config_to_dict(config)
    plain["train"] |= {"resolution": 16, "conditional": bool(styles)}
    run = Run.create(root / "runs", plain, "dcgan")
    write_run(run.folder, styles=styles)
    model = {f"{role}/{key}": x.clone() + 1 for role, net in networks.items() for key, x in net.state_dict().items()}
    model |= {f"ema/generator/{key}": x for key, x in networks["generator"].state_dict().items()}
    state = {"images": 40, "step": 10, "config": plain | (sets or {})}
    return checkpoint.save(run, model, {"generator/x": torch.zeros(1)}, state)


def test_the_averaged_weights_of_a_checkpoint_are_sampled(tmp_path):
    folder = checkpointed(tmp_path)
    registry = default_registry()
    model = open_model(folder, registry=registry)
    assert (model.card.images_seen, model.card.arch.name, set(model.networks)) == (40, "dcgan", {"generator"})
    of_run = generate(folder.parent.parent, registry=registry, count=3)
    assert torch.equal(generate(folder, registry=registry, count=3), of_run)
    assert open_model(folder / "model.safetensors", registry=registry).weights_sha256 == model.weights_sha256


def test_a_conditional_checkpoint_takes_its_styles_from_its_run(tmp_path):
    folder = checkpointed(tmp_path, styles=("ink", "oil"))
    assert open_model(folder, registry=default_registry()).card.styles == ["ink", "oil"]
    (folder.parent.parent / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="names of its styles"):
        open_model(folder, registry=default_registry())


def test_a_damaged_checkpoint_is_refused_before_it_is_read(tmp_path):
    folder = checkpointed(tmp_path)
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="sha256 differs"):
        open_model(folder, registry=default_registry())


def test_a_checkpoint_of_unknown_components_says_which(tmp_path):
    folder = checkpointed(tmp_path, sets={"arch": {"name": "stylegan9"}})
    with pytest.raises(ModelError, match="stylegan9"):
        open_model(folder, registry=default_registry())


@pytest.mark.parametrize("name", ["", "missing", "missing.safetensors"])
def test_a_place_without_a_model_is_told_with_what_makes_one(tmp_path, name):
    with pytest.raises(NoInputError, match="no model") as caught:
        find_model(tmp_path / name)
    assert "ganstyle train" in caught.value.hint


def test_the_fingerprint_is_of_the_weights_not_of_the_file(tmp_path):
    registry = default_registry()
    one, same, other = (
        load_model(write_run(tmp_path / name, styles=styles) / "model.safetensors", registry=registry)
        for name, styles in (("a", ()), ("b", ()), ("c", ("x", "y")))
    )
    assert one.weights_sha256 == same.weights_sha256 != other.weights_sha256
