"""`ganstyle train` as a person uses it."""

from __future__ import annotations

import json

import pytest

from ganstyle.cli.train import parse_count
from ganstyle.errors import UsageError

TINY = ("--resolution", "16", "--batch", "4", "--set", "arch.base_channels=4", "--set", "train.log_every_steps=1")


@pytest.fixture
def train(run_cli, tmp_path, monkeypatch):
    """A function that trains tiny networks in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: run_cli("train", *TINY, *words)


def test_without_arguments_it_trains_on_the_embedded_paintings(train, tmp_path):
    done = train("--arch", "dcgan", "--loss", "bce", "--images", "8")
    assert done.code == 0, done.err
    assert (tmp_path / "runs/0001-dcgan/model.safetensors").is_file()
    assert "ganstyle generate runs/0001-dcgan" in done.out


def test_json_names_what_was_made_and_says_nothing_else(train, tmp_path):
    done = train("--images", "4", "--json")
    answer = json.loads(done.out)
    assert (answer["images"], answer["run"], done.err) == (4, "runs/0001-dcgan", "")
    assert (tmp_path / answer["preview"]).is_file()


def test_progress_tells_images_and_losses_and_quiet_does_not(train):
    assert "8/8 img" in train("--images", "8").err
    assert train("--images", "4", "--quiet").err == ""


def test_a_dry_run_shows_every_option_and_writes_nothing(train, tmp_path):
    done = train("--dry-run", "--json", "--set", "loss.saturating=true")
    config = json.loads(done.out)["config"]
    assert (config["arch"]["base_channels"], config["loss"]["saturating"], config["train"]["seed"]) == (4, True, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_run_goes_on_where_it_stopped(train, tmp_path):
    train("--images", "8")
    done = train("--run", "runs/0001-dcgan", "--images", "16", "--json")
    assert json.loads(done.out)["images"] == 16
    assert not (tmp_path / "runs/0002-dcgan").exists()
    status = json.loads((tmp_path / "runs/0001-dcgan/status.json").read_text())
    assert status["promise_reasons"] == ["train.images 8 -> 16"]  # the task may look at the share of the budget


def test_resuming_a_finished_run_trains_nothing_more_and_promises_exactness(train, tmp_path):
    train("--images", "8")
    done = train("--run", "runs/0001-dcgan")
    assert done.code == 0 and "resumed at 8 images from ckpt-000000008: exact" in done.err
    assert json.loads((tmp_path / "runs/0001-dcgan/status.json").read_text())["promise"] == "exact"


def test_a_changed_option_on_resume_is_refused_with_both_values(train):
    train("--images", "4")
    done = train("--run", "runs/0001-dcgan", "--set", "optimizer.lr=0.5")
    assert done.code == 2
    assert "optimizer.lr" in done.err and "0.5" in done.err and "--override" in done.err


def test_with_override_the_changed_option_is_used_and_the_promise_lowered(train, tmp_path):
    train("--images", "4")
    done = train("--run", "runs/0001-dcgan", "--set", "optimizer.lr=0.5", "--override", "--images", "8")
    status = json.loads((tmp_path / "runs/0001-dcgan/status.json").read_text())
    assert done.code == 0 and status["promise"] == "approximate"
    assert json.loads((tmp_path / "runs/0001-dcgan/config.json").read_text())["optimizer"]["lr"] == 0.5


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--arch", "dcgann"), 2, "did you mean 'dcgan'"),
        (("--loss", "bcee"), 2, "did you mean 'bce'"),
        (("--set", "arch.z_dmi=3"), 2, "did you mean 'z_dim'"),
        (("--set", "arch.z_dim=-1"), 2, "arch.z_dim"),
        (("--images", "many"), 2, "--images 200k"),
        (("--data", "no/such/folder"), 4, "no/such/folder"),
        (("--run", "no/such/run"), 4, "not a run folder"),
        (("--device", "mps"), 6, "'mps'"),
    ],
)
def test_bad_input_says_what_and_what_to_do(train, tmp_path, words, code, said):
    done = train(*words)
    assert done.code == code and said in done.err, done.err
    assert "Traceback" not in done.err


def test_an_image_less_folder_is_exit_4_and_leaves_no_run(train, tmp_path):
    (tmp_path / "empty").mkdir()
    assert train("--data", "empty").code == 4
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("words", [("--resolution", "37"), ("--loss", "wgan")])
def test_networks_that_cannot_be_built_are_refused_by_a_dry_run_and_leave_no_run(train, tmp_path, words):
    assert train(*words, "--dry-run").code == train(*words).code == 2
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "count"), [("200k", 200_000), ("5M", 5_000_000), ("1.5k", 1500), ("7", 7), (None, None)]
)
def test_counts_have_units(text, count):
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["0", "-5", "1e6", "k", ""])
def test_other_texts_are_not_counts(text):
    with pytest.raises(UsageError):
        parse_count(text)
