"""`ganstyle style`: a personal bank of styles."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_painter import Painter, noise

from ganstyle.style.bank import read_style, user_folder


def work(folder: Path, name: str, color: tuple[int, int, int]) -> Path:
    path = folder / name
    Image.fromarray(noise(color).permute(1, 2, 0).numpy()).save(path)
    return path


def names(run_cli) -> list[str]:
    return [style["name"] for style in json.loads(run_cli("style", "list", "--json").out)["styles"]]


def test_a_style_is_made_listed_used_and_removed(painter: Painter, run_cli, tmp_path: Path) -> None:
    picture = work(tmp_path, "leaf.png", (40, 160, 50))
    assert run_cli("style", "add", "leaf", picture, "--author", "N. N.", "--licence", "CC0").code == 0
    assert names(run_cli) == ["leaf", "night", "sunset"]
    assert run_cli("transfer", picture, "-s", "leaf", "-o", tmp_path / "out").code == 0
    assert run_cli("style", "remove", "leaf").code == 0
    assert names(run_cli) == ["night", "sunset"]


def test_show_tells_where_a_style_comes_from(painter: Painter, run_cli, tmp_path: Path) -> None:
    picture = work(tmp_path, "leaf.png", (40, 160, 50))
    run_cli("style", "add", "leaf", picture, "--title", "A leaf", "--source", "my garden")
    shown = run_cli("style", "show", "leaf")
    assert "title: A leaf" in shown.out
    facts = json.loads(run_cli("style", "show", "leaf", "--json").out)
    assert (facts["source"], facts["works"], facts["shipped"], len(facts["fingerprints"])) == ("my garden", 1, False, 1)


def test_the_thumbnail_can_be_written(painter: Painter, run_cli, tmp_path: Path) -> None:
    assert run_cli("style", "show", "night", "--thumbnail", tmp_path / "t.png").code == 0
    assert np.asarray(Image.open(tmp_path / "t.png")).mean((0, 1)) == pytest.approx([20, 40, 120], abs=4)


def test_an_existing_style_is_kept_unless_asked(painter: Painter, run_cli, tmp_path: Path) -> None:
    first, second = work(tmp_path, "a.png", (10, 90, 90)), work(tmp_path, "b.png", (200, 90, 90))
    run_cli("style", "add", "mine", first)
    refused = run_cli("style", "add", "mine", second)
    assert (refused.code, "--overwrite" in refused.err) == (2, True)
    before = read_style(user_folder() / "mine.style.safetensors").code
    assert run_cli("style", "add", "mine", second, "--overwrite").code == 0
    assert float(abs(read_style(user_folder() / "mine.style.safetensors").code - before).max()) > 1


def test_shipped_styles_cannot_be_removed(painter: Painter, run_cli) -> None:
    refused = run_cli("style", "remove", "sunset")
    assert (refused.code, "shipped" in refused.err) == (2, True)


def test_an_unknown_style_is_met_with_a_suggestion(painter: Painter, run_cli) -> None:
    for words in (("remove", "sunst"), ("show", "sunst"), ("export", "sunst")):
        done = run_cli("style", *words)
        assert (done.code, "did you mean 'sunset'" in done.err) == (2, True)


def test_an_exported_style_can_be_added_elsewhere(painter: Painter, run_cli, tmp_path: Path) -> None:
    assert run_cli("style", "export", "night", tmp_path).code == 0
    path = tmp_path / "night.style.safetensors"
    assert run_cli("style", "export", "night", tmp_path).code == 2
    assert run_cli("style", "add", "evening", path).code == 0
    assert names(run_cli) == ["evening", "night", "sunset"]
    assert read_style(user_folder() / "evening.style.safetensors").card.title == "Night"


def test_refinement_steps_are_recorded(painter: Painter, run_cli, tmp_path: Path) -> None:
    done = run_cli("style", "add", "leaf", work(tmp_path, "leaf.png", (40, 160, 50)), "--fit", 4, "--json")
    assert json.loads(done.out)["fit_steps"] == 4


def test_styles_for_a_package_are_written_to_a_folder(painter: Painter, run_cli, tmp_path: Path) -> None:
    done = run_cli("style", "add", "leaf", work(tmp_path, "leaf.png", (40, 160, 50)), "--out", tmp_path / "styles")
    assert (done.code, (tmp_path / "styles" / "leaf.style.safetensors").is_file()) == (0, True)
    assert "leaf" not in names(run_cli)


def test_a_mixture_can_be_kept(painter: Painter, run_cli) -> None:
    assert run_cli("style", "blend", "dusk", "sunset:0.5,night:0.5").code == 0
    assert read_style(user_folder() / "dusk.style.safetensors").card.title == "0.50 sunset + 0.50 night"


def test_a_sheet_holds_all_thumbnails(painter: Painter, run_cli, tmp_path: Path) -> None:
    done = run_cli("style", "sheet", tmp_path / "all.png", "--json")
    assert json.loads(done.out)["styles"] == ["night", "sunset"]
    assert Image.open(tmp_path / "all.png").width > 96


def test_bad_pictures_and_names_are_answered(painter: Painter, run_cli, tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.new("RGB", (64, 64)).save(blank)
    assert run_cli("style", "add", "x", blank).code == 4
    assert run_cli("style", "add", "Bad Name", blank).code == 2
    (tmp_path / "x.safetensors").write_bytes(b"\x80\x04")
    assert run_cli("style", "add", "x", tmp_path / "x.safetensors").code == 5
    assert not user_folder().exists()


def test_an_unwritable_bank_is_an_environment_problem(painter: Painter, run_cli, tmp_path: Path) -> None:
    user_folder().parent.mkdir(parents=True, exist_ok=True)
    user_folder().write_text("a file in the way")
    assert run_cli("style", "add", "leaf", work(tmp_path, "leaf.png", (40, 160, 50))).code == 6


def test_listing_imports_no_torch(painter: Painter, tmp_path: Path) -> None:
    command = "main(['style', 'list', '--json']); print('torch' in sys.modules)"
    code = f"import sys; from ganstyle.cli.app import main; {command}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
