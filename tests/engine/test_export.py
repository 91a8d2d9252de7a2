"""What leaves ganstyle: files with checksums, graphs with their measured error."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from torch import nn
from untrained import untrained

from ganstyle.engine.export import check_onnx, export_onnx, export_safetensors, file_sha256, stored_sha256
from ganstyle.engine.model import Model, load_model
from ganstyle.errors import EnvironmentProblem, ModelError, UsageError
from ganstyle.registry import default_registry

ARCHITECTURES = default_registry().components("arch")
GENERATORS = sorted(one.name for one in ARCHITECTURES if one.recipe.get("task", "gan") == "gan")


def test_the_checksum_lies_beside_the_file_as_sha256sum_reads_it(tmp_path):
    path = export_safetensors(untrained(tmp_path), tmp_path / "out.safetensors")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / "out.safetensors.sha256").read_text() == f"{digest}  out.safetensors\n"
    assert stored_sha256(path) == file_sha256(path) == digest and stored_sha256(tmp_path / "other") is None


@pytest.mark.parametrize("text", ["", "no checksum", "12345"])
def test_a_checksum_file_that_holds_none_is_refused(tmp_path, text):
    (tmp_path / "a.sha256").write_text(text)
    with pytest.raises(ModelError, match="no sha256"):
        stored_sha256(tmp_path / "a")


def test_roles_and_half_precision(tmp_path):
    model = untrained(tmp_path)
    both = Model({**model.networks, "discriminator": model.untrained["discriminator"]}, model.card, model.path)
    path = export_safetensors(both, tmp_path / "out.safetensors", half=True, roles=["generator"])
    loaded = load_model(path, registry=default_registry())
    assert list(loaded.networks) == ["generator"] and path.stat().st_size < 0.7 * model.path.stat().st_size
    with pytest.raises(UsageError, match="it has generator, discriminator"):
        export_safetensors(both, path, roles=["encoder"])


@pytest.mark.parametrize("styles", [(), ("ink", "oil")], ids=["unconditional", "labels"])
@pytest.mark.parametrize("arch", [name for name in GENERATORS if name != "projected"])  # that one only judges
def test_every_generators_graph_equals_the_network_at_any_batch(tmp_path, arch, styles):
    runtime = pytest.importorskip("onnxruntime")
    model = untrained(tmp_path, arch, styles=styles, size=(32, 16))
    done = export_onnx(model, tmp_path / "g.onnx")
    assert done.max_difference < 1e-3
    session = runtime.InferenceSession(done.path, providers=["CPUExecutionProvider"])
    z = torch.randn(5, model.networks["generator"].z_dim)
    labels = {"labels": torch.tensor([0, 1, 1, 0, 1])} if styles else {}
    made = session.run(None, {name: value.numpy() for name, value in {"z": z, **labels}.items()})[0]
    expected = model.networks["generator"](z, *labels.values())
    torch.testing.assert_close(torch.from_numpy(made), expected, rtol=0, atol=1e-3)


def test_the_graph_and_its_sidecar_say_what_goes_in_and_how_exact_it_is(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    done = export_onnx(untrained(tmp_path, styles=("ink", "oil")), tmp_path / "g.onnx")
    facts = json.loads(done.sidecar.read_text())
    assert facts["inputs"]["labels"]["styles"] == ["ink", "oil"] and facts["sha256"] == file_sha256(done.path)
    assert facts["max_difference_to_pytorch"] == done.max_difference
    graph = onnx.load(done.path)
    kept = {entry.key: entry.value for entry in graph.metadata_props}
    assert json.loads(kept["ganstyle"])["arch"]["name"] == "dcgan" and graph.opset_import[0].version == 17
    assert json.loads(kept["ganstyle_export"])["compared_seeds"] == 3


class Fickle(nn.Module):
    """Draws noise at every call: no graph equals it."""

    z_dim, labels = 4, 0

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 12))

    def forward(self, z):
        return (z @ self.weight).view(-1, 3, 2, 2) + torch.randn(len(z), 3, 2, 2)


def test_a_graph_that_computes_something_else_is_not_written(tmp_path):
    pytest.importorskip("onnxruntime")
    model = untrained(tmp_path)
    with pytest.raises(ModelError, match="differs"):
        export_onnx(Model({"generator": Fickle()}, model.card, model.path), tmp_path / "g.onnx")
    assert not (tmp_path / "g.onnx").exists()


def test_without_the_extra_its_name_is_told(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem) as caught:
        check_onnx()
    assert 'pip install "ganstyle[onnx]"' in caught.value.hint and caught.value.code == 6
