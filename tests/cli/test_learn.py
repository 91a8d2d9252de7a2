"""`ganstyle learn`: works to a style that is kept, refined by default."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_painter import Painter, noise

from ganstyle.style.bank import StyleBank, read_style, user_folder


@pytest.fixture
def works(tmp_path: Path) -> Path:
    """A folder with one good picture in four, and a copy of the good one."""
    folder = tmp_path / "works"
    folder.mkdir()
    Image.fromarray(noise((40, 160, 50)).permute(1, 2, 0).numpy()).save(folder / "good.png")
    (folder / "same.png").write_bytes((folder / "good.png").read_bytes())
    Image.new("RGB", (64, 64), "red").save(folder / "blank.png")
    Image.new("RGB", (64, 8), "red").save(folder / "tiny.png")
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


def stored(name: str):
    return read_style(user_folder() / f"{name}.style.safetensors")


def test_a_style_is_learned_refined_and_kept(painter: Painter, run_cli, works: Path) -> None:
    done = run_cli("learn", "leaf", works, "--steps", "40", "--author", "N. N.")
    assert done.code == 0
    card = stored("leaf").card
    assert (card.works, card.author, card.fit_steps, card.fit_loss) == (1, "N. N.", 40, "hinge")
    assert 0 < card.refined_score < card.instant_score
    assert "% better) after 40 steps" in done.out
    for name in ("blank.png", "tiny.png", "torn.jpg", "same.png"):
        assert name in done.err


def test_the_answer_for_machines(painter: Painter, run_cli, works: Path) -> None:
    facts = json.loads(run_cli("learn", "leaf", works / "good.png", "--steps", "2", "--loss", "none", "--json").out)
    assert (facts["style"], facts["works"], facts["fit_steps"]) == ("leaf", 1, 2)
    assert facts["refined_score"] < facts["instant_score"] and facts["bytes"] == Path(facts["path"]).stat().st_size
    assert stored("leaf").card.fit_loss == ""


def test_a_time_is_a_budget(painter: Painter, run_cli, works: Path) -> None:
    assert run_cli("learn", "leaf", works, "--time", "1s").code == 0
    assert stored("leaf").card.fit_steps > 0


def test_previews_are_written_where_asked(painter: Painter, run_cli, works: Path, tmp_path: Path) -> None:
    assert run_cli("learn", "leaf", works, "--steps", "2", "--previews", tmp_path / "looks").code == 0
    assert sorted(path.name for path in (tmp_path / "looks").iterdir()) == ["leaf-00001.png", "leaf-00002.png"]


def test_stopping_keeps_the_best_so_far(painter: Painter, run_cli, works: Path, monkeypatch) -> None:
    fitting = type(painter.base.stylizer).fitting

    def interrupted(self, *args, **how):
        made = fitting(self, *args, **how)
        step, taken = made.step, []

        def some(fraction):
            taken.append(fraction)
            if len(taken) == 30:
                raise KeyboardInterrupt
            return step(fraction)

        made.step = some
        return made

    monkeypatch.setattr(type(StyleBankBase.of(painter)), "fitting", interrupted)
    done = run_cli("learn", "leaf", works, "--steps", "200")
    assert (done.code, "stopped by you: the best so far is kept" in done.err) == (0, True)
    card = stored("leaf").card
    assert card.fit_steps == 29 and card.refined_score < card.instant_score


class StyleBankBase:
    """Finds the class of the stylizer that the command will load, which is another module than the fixture's."""

    @staticmethod
    def of(painter: Painter):
        from ganstyle.style.base import load_base

        return load_base(device="cpu").stylizer


def test_a_taken_name_is_refused_before_any_work(painter: Painter, run_cli, works: Path, tmp_path: Path) -> None:
    assert run_cli("learn", "leaf", works, "--steps", "0").code == 0
    before = (user_folder() / "leaf.style.safetensors").read_bytes()
    refused = run_cli("learn", "leaf", tmp_path / "nothing here")
    assert (refused.code, "--overwrite" in refused.err) == (2, True)
    assert (user_folder() / "leaf.style.safetensors").read_bytes() == before
    assert run_cli("learn", "night", works).code == 2  # shipped


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--time", "1m", "--steps", "3"), 2, "exclude each other"),
        (("--time", "soon"), 2, "not a time"),
        (("--loss", "hing"), 2, "did you mean 'hinge'"),
        (("--steps", "3", "--photos", "nowhere"), 4, "nowhere does not exist"),
    ],
)
def test_what_can_t_be_done_is_said(painter: Painter, run_cli, works: Path, options, code, words) -> None:
    done = run_cli("learn", "leaf", works, *options)
    assert (done.code, words in done.err) == (code, True)
    assert not StyleBank().folder.exists()


def test_no_usable_picture_is_an_answer(painter: Painter, run_cli, works: Path) -> None:
    (works / "good.png").unlink()
    (works / "same.png").unlink()
    done = run_cli("learn", "leaf", works)
    assert (done.code, "none of 3 pictures can be used" in done.err) == (4, True)


def test_equal_seeds_give_equal_codes(painter: Painter, run_cli, works: Path) -> None:
    for name in ("a", "b"):
        assert run_cli("learn", name, works, "--steps", "3", "--seed", "5").code == 0
    assert np.array_equal(stored("a").code, stored("b").code)


@pytest.mark.parametrize(("flags", "wanted"), [([], True), (["--adapter"], True), (["--no-adapter"], False)])
def test_an_adapter_is_refined_unless_it_is_declined(
    painter: Painter, run_cli, works, monkeypatch, flags, wanted
) -> None:
    from ganstyle.style import learning

    plans, refine = [], learning.refine
    monkeypatch.setattr(
        learning, "refine", lambda *args, plan, **how: plans.append(plan) or refine(*args, plan=plan, **how)
    )
    assert run_cli("learn", "leaf", works, "--steps", "1", *flags).code == 0
    assert [plan.adapter for plan in plans] == [wanted]


def test_typing_errors_are_told_before_torch_is_imported(painter: Painter, tmp_path: Path) -> None:
    wrong = {
        "nowhere": "error: nowhere does not exist\nwhere: nowhere",
        ".": "error: there are no pictures to make a style of\nwhere: .",
        ". --loss hing": "did you mean 'hinge'",
        ". --photos .": "error: . holds no pictures\nwhere: option --photos",
    }
    calls = "; ".join(f"main({['learn', 'leaf', *words.split()]})" for words in wrong)
    call = f"import sys; from ganstyle.cli.app import main; {calls}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == "False"
    assert [said for said in wrong.values() if said not in done.stderr] == []


def test_what_is_left_out_is_named_once(painter: Painter, run_cli, works: Path) -> None:
    err = run_cli("learn", "leaf", works, "--steps", "0").err
    assert err.count("torn.jpg") == err.count("blank.png") == 1
    assert "encoding 1 picture\n" in err


def test_the_answer_tells_how_to_paint(painter: Painter, run_cli, works: Path, tmp_path: Path) -> None:
    photo = works / "good.png"
    kept = run_cli("learn", "leaf", photo, "--steps", "0").out.splitlines()
    put = run_cli("learn", "leaf", photo, "--steps", "0", "-o", tmp_path / "my styles").out.splitlines()
    for line, style in ((kept[-1], "leaf"), (put[-1], str(tmp_path / "my styles" / "leaf.style.safetensors"))):
        command = shlex.split(line.removeprefix("paint with it: ganstyle ").replace("photo.jpg", str(photo)))
        assert command[-1] == style
        assert run_cli(*command, "-o", tmp_path / "out").code == 0


@pytest.mark.parametrize("stopped", ["early", "terminated"])
def test_whatever_stops_it_a_style_is_kept(painter: Painter, run_cli, works: Path, monkeypatch, stopped) -> None:
    made = type(StyleBankBase.of(painter))
    before = signal.getsignal(signal.SIGTERM)
    fitting = made.fitting

    def early(self, *args, **how):
        raise KeyboardInterrupt

    def terminated(self, *args, **how):
        signal.raise_signal(signal.SIGTERM)
        return fitting(self, *args, **how)

    monkeypatch.setattr(made, "fitting", {"early": early, "terminated": terminated}[stopped])
    done = run_cli("learn", "leaf", works, "--steps", "200")
    assert (done.code, "stopped by you" in done.err) == (0, True)
    assert stored("leaf").card.fit_steps == 0
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_style_is_refined_further(painter: Painter, run_cli, works: Path) -> None:
    assert run_cli("learn", "leaf", works, "--steps", "10", "--title", "Leaf", "--author", "N. N.").code == 0
    first = stored("leaf")
    done = run_cli("learn", "leaf", works, "--steps", "20", "--resume", "--author", "M. M.")
    card = stored("leaf").card
    assert (done.code, card.fit_steps, card.title, card.author) == (0, 30, "Leaf", "M. M.")
    assert card.refined_score < first.card.refined_score < card.instant_score == first.card.instant_score
    assert "after 30 steps" in done.out


def test_going_on_with_nothing_is_refused(painter: Painter, run_cli, works: Path) -> None:
    done = run_cli("learn", "leaf", works, "--steps", "2", "--resume")
    assert (done.code, "unknown style 'leaf'" in done.err) == (2, True)


def test_going_on_stopped_at_once_changes_nothing(painter: Painter, run_cli, works: Path, monkeypatch) -> None:
    run_cli("learn", "leaf", works, "--steps", "10")
    before = stored("leaf")

    def early(self, *args, **how):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(StyleBankBase.of(painter)), "fitting", early)
    assert run_cli("learn", "leaf", works, "--steps", "10", "--resume").code == 0
    assert stored("leaf").card == before.card and np.array_equal(stored("leaf").code, before.code)


def test_many_pictures_are_counted(painter: Painter, run_cli, tmp_path: Path) -> None:
    folder = tmp_path / "oeuvre"
    folder.mkdir()
    for number in range(9):
        Image.fromarray(noise((20 * number, 90, 50)).permute(1, 2, 0).numpy()).save(folder / f"{number}.png")
    many = run_cli("learn", "many", folder, "--steps", "0").err
    assert "reading  9/9 img" in many and "encoding  9/9 img" in many
    (folder / "0.png").unlink()
    assert "8/8" not in run_cli("learn", "few", folder, "--steps", "0").err


@pytest.mark.parametrize(
    "words", [("transfer", "{photo}", "--style", "{folder}"), ("style", "blend", "mix", "{folder}:1")]
)
def test_a_folder_of_many_works_is_counted_wherever_it_is_read(
    painter: Painter, run_cli, works: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    folder = tmp_path / "oeuvre"
    folder.mkdir()
    for number in range(9):
        Image.fromarray(noise((20 * number, 90, 50)).permute(1, 2, 0).numpy()).save(folder / f"{number}.png")
    command = [word.format(folder=folder, photo=folder / "3.png") for word in words]
    told = run_cli(*command, *(["--out", tmp_path / "out"] if words[0] == "transfer" else [])).err
    assert "reading  9/9 img" in told and "encoding  9/9 img" in told
    assert run_cli(*command, "-q", "--out", tmp_path / "again").err == ""
