"""Several places in one table."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ganstyle.cli.app import load_command


@pytest.fixture
def places(tmp_path, monkeypatch):
    """`flat` (equal pictures), `noisy` and `real`; the current folder holds them."""
    monkeypatch.chdir(tmp_path)
    for seed, (name, strength) in enumerate((("flat", 0), ("noisy", 90), ("real", 30))):
        (tmp_path / name).mkdir()
        for number in range(4):
            noise = np.random.default_rng(10 * seed + number).normal(128, strength, (24, 24, 3))
            Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_places_stand_side_by_side_and_the_best_is_marked(places, run_cli):
    done = run_cli("eval", "compare", "flat", "noisy", "--metric", "ssim", "--quiet")
    assert done.code == 0
    head, line = done.out.splitlines()[:2]
    assert head.split() == ["metric", "flat", "noisy", "better"]
    assert line.startswith("ssim_within_gauss11  1 ± 0") and line.count("*") == 1 and line.index("*") > 40
    assert done.out.count("no pairs given") == 1


def test_the_answer_for_machines_holds_all_scores_and_the_best(places, run_cli):
    done = run_cli("eval", "compare", "flat", "noisy", "gone", "--metric", "ssim", "--json")
    answer = json.loads(done.out)
    assert answer["best"] == {"ssim_within_gauss11": ["noisy"]} and set(answer["scores"]) == {"flat", "noisy"}
    assert "gone does not exist" in answer["failed"]["gone"]["message"] and done.code == 4


def test_plot_and_report_are_written_and_nothing_overwritten(places, run_cli):
    words = ("eval", "compare", "flat", "noisy", "--metric", "ssim", "--plot", "c.png", "--html", "c.html", "--json")
    answers = [json.loads(run_cli(*words).out) for _ in range(2)]
    assert [answer["plot"] for answer in answers] == ["c.png", "c-2.png"]
    assert [answer["report"] for answer in answers] == ["c.html", "c-2.html"]
    assert Image.open("c.png").width > 500 and "Comparison of flat, noisy" in (places / "c.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["compare", "flat"], 2, "needs two or more places"),
        (["compare", "gone", "lost"], 4, "gone does not exist"),
        (["compare", "flat", "noisy", "--metric", "ssmi"], 2, "did you mean 'ssim'"),
        (["compare", "flat", "noisy", "--metric", "ssim", "--plot", "a.pdf"], 2, "a plot is a .png"),
        (["flat", "--plot", "a.png"], 2, "--plot belongs to compare"),
        (["flat", "--style", "monet"], 2, "--style belongs to --pairs"),
    ],
)
def test_bad_words_are_answered(places, run_cli, words, code, said):
    done = run_cli("eval", *words)
    assert (done.code, said in done.err) == (code, True), done.err


def test_the_function_is_a_command_of_its_own(places, monkeypatch):
    from ganstyle.cli import app

    monkeypatch.setitem(app.COMMANDS, "compare", app.Command("compare:compare", "Compare."))
    names = {option for parameter in load_command("compare").params for option in parameter.opts}
    assert {"--real", "--metric", "--plot", "--html", "--json"} <= names


def test_asking_again_needs_no_torch(places, run_cli):
    words = ["eval", "compare", "flat", "noisy", "--metric", "ssim", "--json"]
    for path in places.rglob("*.png"):
        os.utime(path, (1_000_000, 1_000_000))
    first = run_cli(*words)
    program = (
        "import sys; from ganstyle.cli.app import main\n"
        f"code = main({words!r}); print(code, 'torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ)
    assert done.stderr.split() == ["0", "False"] and done.stdout == first.out


def test_different_real_pictures_are_warned_of(places, run_cli, monkeypatch):
    from ganstyle.cli import compare

    real = iter(["one", "other"])
    monkeypatch.setattr(compare, "_scored", lambda *_, **__: compare._Scored([], next(real)))
    done = run_cli("eval", "compare", "flat", "noisy", "--metric", "ssim")
    assert "the real pictures differ from one to another" in done.out
