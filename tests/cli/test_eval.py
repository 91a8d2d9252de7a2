"""`ganstyle eval` from word to table."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from PIL import Image

from ganstyle.api import ImageSpec
from ganstyle.config import config_to_dict, resolve, validate
from ganstyle.engine.model import card_of, save_model
from ganstyle.engine.run import Run
from ganstyle.registry import default_registry


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """`out` and `content` with two photographs each; the current folder holds them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name, image in (("astronaut", skimage.data.astronaut()), ("coffee", skimage.data.coffee())):
        noise = np.random.default_rng(0).normal(0, 20, (64, 64, 3))
        part = image[100:164, 200:264]
        for folder, pixels in (("content", part), ("out", (part + noise).clip(0, 255).astype(np.uint8))):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / folder / f"{name}.png")
    return tmp_path


@pytest.fixture
def run(tmp_path):
    """An untrained 16-pixel model in a run below `runs`."""
    registry = default_registry()
    config = validate(resolve(registry, sets=["train.resolution=16", "arch.base_channels=4"]), registry)
    made = Run.create(tmp_path / "runs", config_to_dict(config), "dcgan")
    networks = registry.build("arch", "dcgan", config.arch.options, ImageSpec(16, 16))
    save_model(made.folder / "model.safetensors", networks, card_of(config, ImageSpec(16, 16), registry=registry))
    return made.folder


def scores(done):
    return {score["key"]: score for score in json.loads(done.out)["scores"]}


def test_pairs_are_scored_as_scikit_image_scores_them(folders, run_cli):
    done = run_cli("eval", "--pairs", "out", "content", "--json")
    settings = {"channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    names = ("astronaut.png", "coffee.png")
    images = [[np.array(Image.open(folders / side / name)) for side in ("out", "content")] for name in names]
    expected = [skimage.metrics.structural_similarity(a, b, data_range=255, **settings) for a, b in images]
    assert done.code == 0
    assert scores(done)["ssim_gauss11"]["value"] == pytest.approx(np.mean(expected), abs=1e-12)
    assert scores(done)["ssim_gauss11"]["n_fake"] == 2
    assert set(scores(done)) == {"ssim_gauss11", "psnr_mean", "lpips_efficientnet_lite0"}


def test_pairs_that_are_missing_or_unequal_are_named(folders, run_cli):
    Image.new("RGB", (64, 64)).save(folders / "out/stray.png")
    Image.new("RGB", (65, 64)).save(folders / "content/coffee.png")
    done = run_cli("eval", "--pairs", "out", "content")
    assert done.code == 0
    assert "1 pictures without a counterpart: stray.png" in done.out
    assert "coffee.png: sizes differ (64 x 64 and 65 x 64)" in done.out


def test_folders_are_scored_offline_by_default(folders, run_cli):
    done = run_cli("eval", "out", "content", "--json")
    assert (done.code, set(scores(done))) == (
        0,
        {"fd_efficientnet_lite0", "kid_efficientnet_lite0", "ssim_within_gauss11"},
    )
    score = scores(done)["fd_efficientnet_lite0"]
    assert (score["n_fake"], score["n_real"], score["resize"]) == (2, 2, "antialias 224")
    assert "rank-deficient" in " ".join(score["warnings"])


def test_the_second_time_gives_the_same_from_the_cache(folders, run_cli, monkeypatch):
    words = ("eval", "out", "content", "--metric", "fd_efficientnet_lite0", "--json")
    first = run_cli(*words)
    from ganstyle_metrics.efficientnet import Lite0Extractor

    monkeypatch.setattr(Lite0Extractor, "__call__", lambda *_: pytest.fail("the network ran again"))
    shutil.rmtree(Path(os.environ["GANSTYLE_HOME"]) / "cache/answers")
    assert run_cli(*words).out == first.out


def test_missing_weights_exit_6_after_the_other_metrics_printed(folders, run_cli):
    done = run_cli("eval", "out", "content", "--metric", "fid,ssim")
    assert done.code == 6
    assert "ssim_within_gauss11" in done.out
    for fact in ("error: fid:", "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2", "--download"):
        assert fact in done.out


def test_the_newest_run_is_scored_against_its_own_data(folders, run, run_cli):
    done = run_cli("eval", "--metric", "kid_efficientnet_lite0,ssim", "--count", 3, "--json")
    assert done.code == 0
    assert json.loads(done.out)["generated"] == "runs/0001-dcgan"
    score = scores(done)["kid_efficientnet_lite0"]
    assert (score["n_fake"], score["n_real"]) == (3, 3)
    assert not any("sizes differ" in warning for warning in score["warnings"])


def test_seeds_choose_the_samples(folders, run, run_cli):
    def value(seed):
        done = run_cli("eval", run, "--metric", "psnr", "--count", 4, "--seed", seed, "--json")
        return scores(done)["psnr_within_mean"]["value"]

    assert value(1) == value(1) != value(2)


def test_a_model_without_its_run_takes_real_pictures_from_an_option(folders, run, run_cli):
    (folders / "mine.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    words = ("eval", "mine.safetensors", "--metric", "fd_efficientnet_lite0", "--count", 2, "--json")
    lone, compared = run_cli(*words), run_cli(*words, "--real", "content")
    assert lone.code == 4
    assert "no real images" in scores(lone)["fd_efficientnet_lite0"]["error"]
    assert (compared.code, scores(compared)["fd_efficientnet_lite0"]["n_real"]) == (0, 2)
    assert "generated 16 x 16, real 64 x 64" in str(scores(compared))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--metric", "sim"], 2, "did you mean 'ssim'"),
        (["out", "--metric", "ssim", "--set", "metric.ssim.windw=3"], 2, "windw"),
        (["out", "--set", "arch.z_dim=3"], 2, "options of metrics only"),
        (["out", "content", "--real", "content"], 2, "at most FAKE and REAL"),
        (["--pairs", "out"], 2, "--pairs needs two folders"),
        (["--pairs", "out", "content", "--real", "out"], 2, "exclude each other"),
        (["nowhere"], 4, "nowhere does not exist"),
        ([], 4, "there is no run in runs"),
        (["broken.safetensors"], 5, "broken.safetensors"),
    ],
)
def test_bad_words_are_answered_with_what_was_meant(folders, run_cli, words, code, said):
    (folders / "broken.safetensors").write_bytes(b"\x80\x04not a model")
    done = run_cli("eval", *words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_metrics_that_want_larger_pictures_fail_alone(folders, run_cli):
    done = run_cli("eval", "--pairs", "out", "content", "--metric", "ms_ssim,psnr")
    assert done.code == 3
    assert "error: ms_ssim: ms_ssim needs sides above 160 pixels" in done.out
    assert "psnr_mean" in done.out


def test_help_needs_no_torch():
    program = "import sys; from ganstyle.cli import eval; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_inception_scores_work_with_given_weights(folders, run_cli, tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "net.pth")
    done = run_cli("eval", "out", "content", "--metric", "fid", "--set", "metric.fid.weights=net.pth")
    assert done.code == 6
    assert "net.pth has sha256" in done.out


def animation(path, *shades):
    first, *rest = [Image.new("RGB", (32, 32), (shade,) * 3) for shade in shades]
    first.save(path, save_all=True, append_images=rest, duration=40)


def test_films_are_scored_frame_by_frame(folders, run_cli):
    animation(folders / "a.gif", 10, 60, 10)
    animation(folders / "b.gif", 10, 12, 14)
    done = run_cli("eval", "film", "a.gif", "b.gif", "--metric", "flicker,ssim", "--json")
    found = {score["metric"]: score for score in json.loads(done.out)["scores"]}
    assert (found["flicker"]["counted"], found["flicker"]["n_fake"]) == ("films", 1)
    assert found["flicker"]["value"] > 0 and "doesn't compare films" in found["ssim"]["error"]
    assert done.code == 3


def test_a_folder_called_film_or_compare_is_still_a_folder(folders, run_cli):
    (folders / "out").rename(folders / "film")
    done = run_cli("eval", "film", "content", "--metric", "ssim", "--json")
    assert done.code == 0 and json.loads(done.out)["generated"] == "film"


def test_styles_of_pairs_are_named_by_the_outputs(folders, run_cli):
    for name in ("astronaut", "coffee"):
        (folders / f"out/{name}.png").rename(folders / f"out/{name}-dark.png")
    for name, shade in (("dark", 20), ("light", 220)):
        (folders / "styles" / name).mkdir(parents=True)
        Image.new("RGB", (48, 40), (shade,) * 3).save(folders / "styles" / name / "work.png")
    words = ("eval", "--pairs", "out", "content", "--style", "styles", "--metric", "colour_distance", "--json")
    done = run_cli(*words)
    answer = json.loads(done.out)
    assert (done.code, answer["styles"]) == (0, {"dark": 1, "light": 1})
    assert answer["scores"][0]["n_fake"] == 2
    alone = run_cli("eval", "--pairs", "out", "content", "--metric", "colour_distance,psnr")
    assert alone.code == 3 and "--style S" in alone.out and "psnr_mean" in alone.out


def test_a_report_is_written_and_never_over_another(folders, run_cli):
    words = ("eval", "--pairs", "out", "content", "--metric", "psnr", "--html", "r.html", "--json")
    assert [json.loads(run_cli(*words).out)["report"] for _ in range(2)] == ["r.html", "r-2.html"]
    assert "Pairs by psnr_mean" in (folders / "r.html").read_text("utf-8")


def test_all_metrics_leave_out_what_cannot_be_had_without_failing(folders, run_cli, monkeypatch):
    from ganstyle.registry import Registry

    names, few = Registry.names, ["fid", "flicker", "psnr", "ssim"]
    monkeypatch.setattr(Registry, "names", lambda self, kind: few if kind == "metric" else names(self, kind))
    done = run_cli("eval", "--pairs", "out", "content", "--metric", "all")
    assert done.code == 0 and "psnr_mean" in done.out and "error:" not in done.out
    assert "left out: fid: weights of the Inception" in done.out and "left out: flicker: it compares films" in done.out


def test_a_protocol_of_another_tool_chooses_metrics_and_their_options(folders, run_cli):
    done = run_cli("eval", "out", "content", "--compat", "pytorch-fid", "--json")
    assert [score["metric"] for score in json.loads(done.out)["scores"]] == ["fid"] and done.code == 6
    wrong = run_cli("eval", "out", "content", "--compat", "pytorch-fid", "--metric", "ssim")
    assert wrong.code == 2 and "pytorch-fid has no ssim" in wrong.err
    assert "unknown protocol" in run_cli("eval", "out", "content", "--compat", "nobody").err


def test_statistics_of_another_tool_are_a_reference(folders, run_cli):
    np.savez(folders / "ref.npz", mu=np.zeros(320), sigma=np.eye(320))
    words = ("eval", "out", "ref.npz", "--metric", "fd_efficientnet_lite0,kid_efficientnet_lite0")
    done = run_cli(*words, "--json")
    found = scores(done)
    assert found["fd_efficientnet_lite0"]["value"] > 0
    assert "holds their mean and covariance only" in found["kid_efficientnet_lite0"]["error"]
    assert "holds statistics, no pictures" in run_cli("eval", "ref.npz").err


def test_one_corrupt_file_among_many_is_named_and_the_others_are_scored(folders, run_cli):
    (folders / "out/torn.png").write_bytes((folders / "out/coffee.png").read_bytes()[:200])
    done = run_cli("eval", "out", "content", "--metric", "kid_efficientnet_lite0")
    assert done.code == 0
    assert "not read (generated): torn.png" in done.out
    assert "1 generated files can't be read and were left out" in done.out


def test_a_set_of_one_image_is_answered_by_each_metric_for_itself(folders, run_cli):
    (folders / "out/coffee.png").unlink()
    done = run_cli("eval", "out", "content", "--metric", "fd_efficientnet_lite0,ssim", "--json")
    errors = {score["metric"]: score["error"] for score in json.loads(done.out)["scores"]}
    assert "at least 2" in errors["fd_efficientnet_lite0"] and "no pairs" in errors["ssim"]


def test_weights_are_named_by_network(folders, run_cli):
    assert "takes NAME=PATH" in run_cli("eval", "out", "--weights", "inception").err
    assert "there is no file none.pth" in run_cli("eval", "out", "--weights", "inception=none.pth").err
    (folders / "wrong.pth").write_bytes(b"x")
    done = run_cli("eval", "out", "content", "--metric", "fid", "--weights", "inception=wrong.pth")
    assert done.code == 6 and "wrong.pth has sha256 2d711642b726" in done.out and "damaged or another file" in done.out


def test_weights_that_no_metric_asked_for_are_named(folders, run_cli):
    (folders / "own.pth").write_bytes(b"x")
    done = run_cli("eval", "out", "content", "--metric", "colour_distance", "--weights", "incepton=own.pth")
    assert "--weights incepton: no metric that was scored needs a file of that name" in done.err


def test_damaged_cached_features_are_renewed_and_said(folders, run_cli, monkeypatch):
    monkeypatch.setenv("GANSTYLE_HOME", str(folders / "home"))
    words = ("eval", "out", "content", "--metric", "fd_efficientnet_lite0")
    first = run_cli(*words)
    shutil.rmtree(folders / "home/cache/answers")
    for path in (folders / "home/cache/features").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    second = run_cli(*words)
    assert "2 damaged files of cached features were not used" in second.out
    assert second.out.startswith(first.out.rstrip("\n"))


def settle(folder):
    """Make all files old enough for their hashes to be remembered."""
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (1_000_000, 1_000_000))


def test_asking_again_works_nothing_out_until_something_changes(folders, run_cli, monkeypatch):
    settle(folders)
    words = ("eval", "out", "content", "--metric", "ssim,kid_efficientnet_lite0")
    first = run_cli(*words)
    import ganstyle.engine.evaluation as evaluation

    assess = evaluation.assess
    monkeypatch.setattr(evaluation, "assess", lambda *_, **__: pytest.fail("scored again"))
    again = run_cli(*words)
    assert (again.code, again.out) == (0, first.out) and "nothing changed since" in again.err
    monkeypatch.setattr(evaluation, "assess", assess)
    Image.new("RGB", (64, 64), (9, 9, 9)).save(folders / "out/coffee.png")
    changed = run_cli(*words)
    assert changed.out != first.out and "nothing changed" not in changed.err


def test_an_answer_that_is_remembered_needs_no_torch(folders, run, run_cli):
    settle(folders)
    words = ["eval", "--metric", "ssim", "--count", "4", "--json"]
    first = run_cli(*words)
    program = (
        "import sys; from ganstyle.cli.app import main\n"
        f"code = main({words!r}); print(code, 'torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ)
    assert done.stderr.split() == ["0", "False"] and done.stdout == first.out


def test_weights_that_arrive_end_a_remembered_error(folders, run_cli):
    settle(folders)
    words = ("eval", "out", "content", "--metric", "fid")
    first, again = run_cli(*words), run_cli(*words)
    assert "nothing changed" in again.err and first.out == again.out and first.code == again.code == 6
    (folders / "torch/hub/checkpoints").mkdir(parents=True)
    (folders / "torch/hub/checkpoints/weights-inception-2015-12-05-6726825d.pth").write_bytes(b"cut off")
    third = run_cli(*words)
    assert "nothing changed" not in third.err and "damaged or another file" in third.out
