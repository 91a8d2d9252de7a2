"""`ganstyle model`: listed, shown, verified, exported, converted."""

from __future__ import annotations

import json

import pytest
import torch
from untrained import networks_of, write_run

from ganstyle.data.tensors import read_header
from ganstyle.engine.cards import read_card
from ganstyle.engine.export import file_sha256
from ganstyle.engine.model import card_of, save_model
from ganstyle.registry import default_registry


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_run(tmp_path / "runs" / "0001-dcgan", styles=("ink", "oil"))


def test_runs_and_shipped_weights_are_listed_and_a_damaged_one_says_why(run, run_cli, tmp_path):
    broken = tmp_path / "runs" / "0002-dcgan"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes(b"\x80\x04 evil")
    models = {row["name"]: row for row in json.loads(run_cli("model", "list", "--json").out)["models"]}
    assert models["adastyle"]["from"] == "shipped"
    assert (models["runs/0001-dcgan"]["arch"], models["runs/0001-dcgan"]["images"]) == ("dcgan", 7)
    assert "pickle" in models["runs/0002-dcgan"]["error"]


def test_show_gives_card_checksum_and_every_tensor(run, run_cli):
    answer = json.loads(run_cli("model", "show", run, "--json").out)
    path = run / "model.safetensors"
    assert answer["sha256"] == file_sha256(path) and answer["styles"] == ["ink", "oil"] and answer["metrics"] == {}
    assert {row["name"] for row in answer["tensors"]} == set(read_header(path).tensors)
    text = run_cli("model", "show", run).out
    assert "generator/first.weight" in text and "styles: ink, oil" in text and "z_dim=8" in text


def test_show_tells_data_licence_and_scores_in_words(tmp_path, run_cli):
    config, image, networks = networks_of()
    score = {"value": 21.468, "images": 120_000, "protocol": "Lite0, centre crop", "n_fake": 2000, "n_real": 2000}
    facts = {"data": "folder cats", "data_licence": "CC0", "training_images": 1234, "metrics": {"fd": score, "x": 3}}
    card = card_of(config, image, registry=default_registry(), **facts)
    path = save_model(tmp_path / "model.safetensors", networks, card)
    lines = run_cli("model", "show", path, "--no-tensors").out.splitlines()
    assert {"data: folder cats", "data licence: CC0", "training images: 1,234", "metric x: 3"} <= set(lines)
    told = "Lite0, centre crop; pictures, real ones: 2000 against 2000; after images: 120,000"
    assert f"metric fd: 21.47 ({told})" in lines


def test_a_whole_model_is_verified_against_what_is_known_of_it(run, run_cli):
    path = run / "model.safetensors"
    assert "unknown origin" in run_cli("model", "verify", run).out
    assert run_cli("model", "verify", path, "--sha256", file_sha256(path).upper()).code == 0
    wrong = run_cli("model", "verify", path, "--sha256", "0" * 64)
    assert wrong.code == 5 and "expected 000" in wrong.err


@pytest.mark.parametrize("change", ["flip", "nan", "cut"])
def test_a_changed_export_fails_verification(run, run_cli, tmp_path, change):
    out = tmp_path / "out.safetensors"
    assert run_cli("model", "export", run, out, "--quiet").code == 0
    assert "as the .sha256 file says" in run_cli("model", "verify", out).out
    data = bytearray(out.read_bytes())
    if change == "flip":
        data[-1] ^= 1
    out.write_bytes(data[:-4] if change == "cut" else data)
    if change == "nan":
        (tmp_path / "out.safetensors.sha256").unlink()
        data[-4:] = b"\xff\xff\xff\x7f"
        out.write_bytes(data)
    assert run_cli("model", "verify", out).code == 5


def test_an_export_is_half_the_size_and_asks_before_it_replaces(run, run_cli, tmp_path):
    answer = json.loads(run_cli("model", "export", run, "--half", "--json").out)
    out = tmp_path / "0001-dcgan.safetensors"
    assert answer["path"] == "0001-dcgan.safetensors" and answer["sha256"] == file_sha256(out)
    assert out.stat().st_size < 0.7 * (run / "model.safetensors").stat().st_size
    assert run_cli("model", "export", run).code == 2
    assert run_cli("model", "export", run, "--overwrite", "--quiet").code == 0


@pytest.mark.parametrize(
    "words", [("--format", "pt"), ("a.onnx", "--half"), ("a.pt",), ("--role", "encoder"), ("a.onnx", "--format", "x")]
)
def test_exports_that_make_no_sense_are_refused(run, run_cli, tmp_path, words):
    assert run_cli("model", "export", run, *words).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_an_onnx_export_prints_the_measured_difference(run, run_cli):
    pytest.importorskip("onnxruntime")
    answer = json.loads(run_cli("model", "export", run, "a.onnx", "--json").out)
    assert 0 <= answer["max_difference_to_pytorch"] < 1e-3 and answer["sidecar"] == "a.onnx.json"


def test_without_the_extra_an_onnx_export_names_it(run, run_cli, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = run_cli("model", "export", run, "a.onnx")
    assert done.code == 6 and "ganstyle[onnx]" in done.err


FOREIGN = ("--arch", "dcgan", "--resolution", "16", "--set", "arch.base_channels=4", "--set", "arch.z_dim=8")


def test_foreign_weights_become_a_model(run, run_cli, tmp_path):
    torch.save({"netG": networks_of()[2]["generator"].state_dict()}, tmp_path / "old.pth")
    refused = run_cli("model", "convert", "old.pth", *FOREIGN)
    assert refused.code == 2 and "--trust-pickle" in refused.err
    done = run_cli("model", "convert", "old.pth", *FOREIGN, "--trust-pickle", "--licence", "MIT")
    assert done.code == 0 and "asks for: collections OrderedDict" in done.err
    assert read_card(tmp_path / "old-dcgan.safetensors").licence == "MIT"
    assert run_cli("generate", "old-dcgan.safetensors", "--count", "1", "--quiet").code == 0


def test_a_foreign_file_of_another_shape_lists_what_differs(run, run_cli, tmp_path):
    torch.save({"weight": torch.zeros(2, 2)}, tmp_path / "old.pth")
    done = run_cli("model", "convert", "old.pth", *FOREIGN, "--trust-pickle")
    assert done.code == 5 and "first.weight" in done.err and "not used: weight (2, 2)" in done.err


def test_a_checkpoint_has_no_card_to_show(run, run_cli):
    folder = run / "checkpoints" / "ckpt-000000007"
    folder.mkdir(parents=True)
    (folder / "MANIFEST.json").write_text("{}")
    done = run_cli("model", "show", folder)
    assert done.code == 2 and "ganstyle model show" in done.err
