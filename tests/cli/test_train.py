"""`ganstyle train` as a person uses it."""

from __future__ import annotations

import json
import re

import pytest

from ganstyle.config import parse_count, parse_duration
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
    told = train("--images", "8").err
    assert "8/8 img" in told and "8 images, cpu" in told and re.search(r"memory [\d.]+ [GM]B", told)
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


def test_an_option_that_came_with_an_upgrade_is_named_as_such(train, tmp_path):
    train("--images", "4")
    path = tmp_path / "runs/0001-dcgan/config.json"
    stored = json.loads(path.read_text())
    del stored["arch"]["z_dim"]
    path.write_text(json.dumps(stored))
    done = train("--run", "runs/0001-dcgan")
    assert done.code == 2 and "arch.z_dim was not set, or came with an upgrade" in done.err


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


def stored(tmp_path, number=1, arch="dcgan"):
    return json.loads((tmp_path / f"runs/{number:04d}-{arch}/config.json").read_text())


def test_what_was_chosen_is_told_with_its_reason_stored_and_kept_on_resume(train, tmp_path):
    done = train("--images", "8", "--set", "train.ema_halflife_images=auto")
    assert "automatic: EMA half-life 1,250 images (batch 4)" in done.err
    assert stored(tmp_path)["train"]["ema_halflife_images"] == 1250
    again = train("--run", "runs/0001-dcgan", "--images", "16")
    assert again.code == 0 and "automatic" not in again.err
    assert stored(tmp_path)["train"]["ema_halflife_images"] == 1250


def test_a_time_is_told_and_stored_as_images(train, tmp_path):
    done = train("--time", "5s")
    images = stored(tmp_path)["train"]["images"]
    assert f"budget: {images:,} images (" in done.err and images % 4 == 0
    assert json.loads((tmp_path / "runs/0001-dcgan/status.json").read_text())["images"] == images


def test_a_dry_run_estimates_time_memory_and_disk(train):
    estimate = json.loads(train("--dry-run", "--json", "--preset", "quick").out)["estimate"]
    assert estimate["seconds"] == pytest.approx(30_000 / estimate["images_per_second"] / 0.95, rel=0.02)
    assert estimate["disk_bytes"] > 10_000 and estimate["memory_bytes"] > 10_000
    shown = train("--dry-run", "--images", "8")
    assert "estimated: " in shown.err and "memory" in shown.err and json.loads(shown.out)["train"]["images"] == 8


def test_a_run_starts_from_anothers_weights_by_number(train, tmp_path):
    train("--images", "8")
    done = train("--images", "4", "--init-from", "1", "--freeze-d", "1", "--seed", "3")
    assert done.code == 0 and "started from runs/0001-dcgan/checkpoints/ckpt-000000008 (8 images)" in done.err, done.err
    status = json.loads((tmp_path / "runs/0002-dcgan/status.json").read_text())
    assert status["init_from"]["images"] == 8 and stored(tmp_path, 2)["task"]["freeze_d"] == 1


def test_weights_of_another_architecture_are_refused_before_a_run_is_made(train, run_cli, tmp_path):
    train("--images", "4")
    done = run_cli("train", "--arch", "progan", "--resolution", "16", "--init-from", "1")
    assert done.code == 2 and "holds a dcgan, this run trains a progan" in done.err
    assert [path.name for path in (tmp_path / "runs").glob("0*")] == ["0001-dcgan"]


def test_all_changed_options_are_told_in_one_message(train):
    train("--images", "4")
    done = train("--run", "runs/0001-dcgan", "--set", "optimizer.lr=0.5", "--loss", "hinge", "--seed", "9")
    assert done.code == 2
    for words in ("optimizer.lr was 0.0003 and is 0.5", "loss.name was 'bce'", "train.seed was 0 and is 9"):
        assert words in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--time", "2h", "--images", "5k"), "--time and --images exclude each other"),
        (("--run", "x", "--init-from", "y"), "--run and --init-from exclude each other"),
        (("--resume", "x", "--preset", "good"), "--run and --preset exclude each other"),
        (("--run", "x", "--time", "2h"), "--images"),
        (("--preset", "godo"), "did you mean 'good'"),
        (("--time", "soon"), "--time 2h, 90m, 1h30m or 45s"),
        (("--discriminator", "progn"), "did you mean 'progan'"),
    ],
)
def test_flags_that_make_no_sense_are_refused_before_anything_is_done(train, tmp_path, words, said):
    done = train(*words)
    assert done.code == 2 and said in done.err, done.err
    assert not (tmp_path / "runs").exists()


def test_shipped_weights_are_found_by_the_name_of_their_architecture(train, tmp_path):
    done = train("--init-from", "adastyle")
    assert done.code == 2 and "adastyle.safetensors holds a adastyle, this run trains a dcgan" in done.err, done.err
    assert not (tmp_path / "runs").exists()


def test_missing_weights_are_exit_4(train, tmp_path):
    done = train("--init-from", "no/such/run")
    assert done.code == 4 and "no weights 'no/such/run'" in done.err and not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("45s", 45), ("1.5h", 5400), ("1d", 86400), (None, None)],
)
def test_times_have_units(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "2", "h", "2h30", "m90", "-1h", "1e3s"])
def test_other_texts_are_no_times(text):
    with pytest.raises(UsageError):
        parse_duration(text)
