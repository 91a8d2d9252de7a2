"""One test for each exit code, by real commands."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ganstyle import errors

TINY = ["--resolution", "16", "--batch", "8", "--set", "arch.base_channels=4", "--set", "arch.z_dim=8"]


class Evil:
    """A pickle that leaves a trace when it is executed."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_0_done(run_cli):
    assert run_cli("version").code == errors.EXIT_OK


def test_1_a_bug(run_cli, monkeypatch):
    monkeypatch.setattr("ganstyle.cli.version._installed", lambda name: 1 / 0)
    done = run_cli("version")
    assert done.code == 1
    assert "internal error: ZeroDivisionError" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--arch", "dcgann"],
        ["train", "--loss", "bcee"],
        ["train", "--set", "arch.z_dmi=3"],
        ["train", "--set", "train.batch=many"],
        ["train", "--images", "lots"],
        ["eval", "--metric", "fidd"],
        ["generate", "--device", "gpu"],
        ["transfer", "--style", "monnet"],
        ["arch", "show", "dcgann"],
    ],
    ids=" ".join,
)
def test_2_unknown_names_keys_and_values(words, run_cli):
    done = run_cli(*words, "--json")
    assert (done.code, json.loads(done.out)["error"]["code"]) == (2, 2)
    assert not Path("runs").exists()


def test_3_some_inputs_failed(run_cli):
    from ganstyle.data.embedded import embedded_pictures

    Path("photos").mkdir()
    Path("photos/good.jpg").write_bytes(embedded_pictures("photos")[0].read_bytes())
    Path("photos/bad.jpg").write_bytes(b"<html>")
    done = run_cli("transfer", "photos", "--style", "monet", "--max-size", 64)
    assert done.code == errors.EXIT_SOME_FAILED
    assert len(list(Path("stylized").rglob("*.jpg"))) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--data", "empty"],
        ["train", "--data", "missing/"],
        ["generate", "missing"],
        ["data", "check", "empty"],
    ],
    ids=" ".join,
)
def test_4_nothing_usable(words, run_cli):
    Path("empty").mkdir()
    assert run_cli(*words).code == 4


def test_5_an_unsafe_model_is_refused_and_never_executed(run_cli):
    for name in ("evil.safetensors", "evil.pt"):
        Path(name).write_bytes(pickle.dumps(Evil()))
        done = run_cli("generate", name)
        assert (done.code, Path("executed").exists()) == (5, False)


def test_6_a_missing_device_is_no_fallback(run_cli):
    missing = "mps" if torch.cuda.is_available() else "cuda"
    done = run_cli("train", "--device", missing, *TINY)
    assert done.code == 6
    assert "hint:" in done.err


def test_7_diverged(run_cli):
    done = run_cli("train", *TINY, "--set", "optimizer.lr=1e38")
    assert done.code == 7


def start_training(*more: str) -> subprocess.Popen[str]:
    """Start a run that would take for ever; return once it has a log line."""
    command = [sys.executable, "-m", "ganstyle", "train", *TINY, "--images", "50M", "--set", "train.log_every_steps=1"]
    process = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(Path("runs").glob("*/scalars.jsonl")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    return process


def test_75_stopped_by_a_signal_after_saving(run_cli):
    process = start_training()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "ganstyle train --run runs/0001-dcgan --resume auto" in err
    assert list(Path("runs/0001-dcgan/checkpoints").glob("ckpt-*"))


def test_130_a_second_interrupt_stops_at_once():
    process = start_training("--set", "train.batch=512", "--set", "arch.base_channels=64")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == errors.EXIT_SECOND_INTERRUPT
    assert "Traceback" not in err
