"""Code files belong to one generator and can't harm."""

from __future__ import annotations

import pickle

import pytest
import torch
from untrained import untrained

from ganstyle.data.tensors import write_tensors
from ganstyle.engine.codes import Code, CodeCard, code_latents, fingerprint, joined, read_code, write_code
from ganstyle.engine.generation import Sampler
from ganstyle.engine.latents import Latents, Pick
from ganstyle.errors import ModelError


def written(path, model, *, seed=1):
    sampler = Sampler(model)
    latents = sampler.latents([Pick(seed)])
    return write_code(path, Code(latents, CodeCard(weights_sha256=model.weights_sha256, arch="x"))), latents


@pytest.mark.parametrize(("arch", "styles"), [("dcgan", ()), ("dcgan", ("a", "b")), ("stylegan2", ("a", "b"))])
def test_a_code_comes_back_for_its_generator(tmp_path, arch, styles):
    model = untrained(tmp_path, arch, styles=styles)
    path, latents = written(tmp_path / "a.code.safetensors", model)
    found = code_latents(path, Sampler(model))
    assert torch.equal(found.codes, latents.codes)
    assert (found.shares is None) == (latents.shares is None)
    assert next(iter(Sampler(model).render(found))).shape == (1, 3, 16, 16)


def test_another_generator_refuses_it_and_names_both(tmp_path):
    path, _ = written(tmp_path / "a.code.safetensors", untrained(tmp_path / "one"))
    other = untrained(tmp_path / "two", "progan")
    with pytest.raises(ModelError, match="another generator") as caught:
        code_latents(path, Sampler(other))
    assert "progan" in caught.value.message and caught.value.code == 5


@pytest.mark.parametrize("kind", ["pickle", "cut", "model", "card", "flat"])
def test_what_is_no_code_file_is_refused(tmp_path, kind):
    model = untrained(tmp_path)
    path, _ = written(tmp_path / "a.code.safetensors", model)
    contents = {"pickle": pickle.dumps({"code": 1}), "cut": path.read_bytes()[:-3]}
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == "model":
        path = model.path
    else:
        card = '{"weights_sha256": "x", "kind": "code"}' if kind == "flat" else '{"weights_sha256": 3}'
        write_tensors(path, {"code": torch.zeros(3)}, {"ganstyle": card})
    with pytest.raises(ModelError):
        read_code(path)


def test_codes_are_joined_and_pictures_told_apart():
    parts = [Latents(torch.full((1, 2, 3), value), torch.tensor([[value, 1 - value]])) for value in (0.0, 1.0)]
    assert joined(parts).codes[:, 0, 0].tolist() == [0.0, 1.0] and joined(parts).shares.shape == (2, 2)
    picture = torch.zeros(3, 4, 6, dtype=torch.uint8)
    assert fingerprint(picture) != fingerprint(picture.view(3, 6, 4)) != fingerprint(picture + 1)
