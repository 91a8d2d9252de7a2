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
    assert "title: A leaf" in shown.out and "made of: 1 picture\n" in shown.out
    assert "refined: no" in shown.out and "0.0" not in shown.out and "yours)" in shown.out
    facts = json.loads(run_cli("style", "show", "leaf", "--json").out)
    assert (facts["source"], facts["works"], facts["shipped"], len(facts["fingerprints"])) == ("my garden", 1, False, 1)


def test_show_tells_what_refining_has_brought(painter: Painter, run_cli, tmp_path: Path) -> None:
    run_cli("style", "add", "leaf", work(tmp_path, "leaf.png", (40, 160, 50)), "--steps", 20)
    assert "% better) after 20 steps" in run_cli("style", "show", "leaf").out
    (user_folder() / "torn.style.safetensors").write_bytes(b"x")
    assert "note: " in run_cli("style", "show", "torn").out


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


def hostile(tmp_path: Path, name: str, card: dict, code: np.ndarray) -> Path:
    """Write a style file with any card and code, past our own writer, which refuses such."""
    from safetensors.numpy import save_file

    path = tmp_path / f"{name}.style.safetensors"
    save_file({"code": code}, path, {"ganstyle_style": json.dumps(card)})
    return path


def test_a_style_file_is_imported_under_its_own_name_or_another(painter: Painter, run_cli, tmp_path: Path) -> None:
    run_cli("style", "add", "leaf", work(tmp_path, "leaf.png", (40, 160, 50)), "--title", "A leaf")
    run_cli("style", "export", "leaf", tmp_path)
    path = tmp_path / "leaf.style.safetensors"
    refused = run_cli("style", "import", path)
    assert (refused.code, "exists already" in refused.err, "--name" in refused.err) == (2, True, True)
    assert run_cli("style", "import", path, "--name", "blade").code == 0
    run_cli("style", "remove", "leaf")
    done = json.loads(run_cli("style", "import", path, "--json").out)
    assert done["styles"] == ["leaf"] and names(run_cli) == ["blade", "leaf", "night", "sunset"]
    assert run_cli("style", "import", path, path, "--overwrite").code == 2  # twice the same name


@pytest.mark.parametrize("verb", ["import", "add"])
def test_what_is_no_style_file_is_told_apart(painter: Painter, run_cli, tmp_path: Path, verb: str) -> None:
    page, picture = tmp_path / "page.safetensors", tmp_path / "picture.safetensors"
    page.write_text("<!DOCTYPE html><html></html>")
    work(tmp_path, "leaf.png", (40, 160, 50)).rename(picture)
    (tmp_path / "folder.safetensors").mkdir()
    words = {page: "a web page", picture: "a picture", tmp_path / "folder.safetensors": "a folder"}
    for path, word in {**words, tmp_path / "none.safetensors": "no file"}.items():
        done = run_cli("style", verb, *(["x"] if verb == "add" else []), path)
        assert (done.code, word in done.err, "hint:" in done.err) == (2, True, True), path.name


def test_a_renewed_style_is_named_where_it_lies(painter: Painter, run_cli, tmp_path: Path) -> None:
    path, photo = old_style(painter, tmp_path), work(tmp_path, "photo.png", (9, 9, 200))
    painted = run_cli("transfer", photo, "--style", path, "-o", tmp_path / "out")
    assert f"keep that: ganstyle style import {path}" in painted.err
    assert "keep that" not in run_cli("style", "import", path).err


def test_hostile_style_files_are_refused_and_nothing_is_kept(painter: Painter, run_cli, tmp_path: Path) -> None:
    card = {"schema": 2, "name": "x", "base_name": "moments", "base_sha256": painter.base.sha256}
    code = np.zeros(6, np.float32)
    files = [
        hostile(tmp_path, "separators", card | {"name": "../../x"}, code),
        hostile(tmp_path, "not_a_number", card, np.full(6, np.nan, np.float32)),
        hostile(tmp_path, "huge_numbers", card, np.full(6, 1e30, np.float32)),
        hostile(tmp_path, "wrong_length", card, np.zeros(7, np.float32)),
        hostile(tmp_path, "from_the_future", card | {"schema": 99}, code),
        hostile(tmp_path, "long_text", card | {"title": "x" * 5000}, code),
        tmp_path / "lying_header.style.safetensors",
        tmp_path / "gone.style.safetensors",
    ]
    files[-2].write_bytes((1 << 62).to_bytes(8, "little") + b"{}")
    for path in files:
        done = run_cli("style", "import", path)
        assert done.code in (2, 4, 5), path.name
        assert done.err.startswith("error:") and "internal" not in done.err, path.name
    good = hostile(tmp_path, "good", card, code)
    assert run_cli("style", "import", good, files[1]).code == 5  # all or none
    assert not user_folder().exists()


def old_style(painter: Painter, tmp_path: Path, **changes) -> Path:
    """A style of the user from before a change of the base model."""
    from dataclasses import replace

    from ganstyle.style.bank import write_style
    from ganstyle.style.learning import make_style

    style = make_style(noise((40, 160, 50)), name="old", base=painter.base)
    style = replace(style, card=replace(style.card, base_sha256="0f" * 32), **changes)
    return write_style(style, tmp_path / "old.style.safetensors", overwrite=True)


def test_a_style_of_another_base_model_is_encoded_again(painter: Painter, run_cli, tmp_path: Path) -> None:
    done = run_cli("style", "import", old_style(painter, tmp_path))
    assert (done.code, "encoded again from its small picture" in done.err) == (0, True)
    assert read_style(user_folder() / "old.style.safetensors").card.base_sha256 == painter.base.sha256
    refused = run_cli("style", "import", old_style(painter, tmp_path, samples=(), thumbnail=b""), "--overwrite")
    assert (refused.code, "was made for base model" in refused.err) == (5, True)


def test_styles_are_renewed_after_an_upgrade(painter: Painter, run_cli, tmp_path: Path) -> None:
    user_folder().mkdir(parents=True)
    path = old_style(painter, user_folder())
    run_cli("style", "add", "leaf", work(tmp_path, "leaf.png", (40, 160, 50)))
    rows = {row["name"]: row["what"] for row in json.loads(run_cli("style", "renew", "--json").out)["styles"]}
    assert rows == {"leaf": "fits already", "old": "made anew from its small picture"}
    assert read_style(path).card.base_sha256 == painter.base.sha256
    assert run_cli("style", "renew", "old", "--steps", "3").code == 0
    assert read_style(path).card.fit_steps == 3
    first = read_style(path).card
    assert "refined further on its small picture" in run_cli("style", "renew", "old", "--steps", "5").out
    assert read_style(path).card.fit_steps == 8 and read_style(path).card.refined_score < first.refined_score


def test_styles_of_another_base_model_are_marked(painter: Painter, run_cli, tmp_path: Path) -> None:
    assert "note" not in run_cli("style", "list").out
    user_folder().mkdir(parents=True)
    old_style(painter, user_folder())
    remedy = "of another base model: ganstyle style renew old"
    assert [remedy in run_cli("style", *words).out for words in (("list",), ("show", "old"), ("show", "night"))] == [
        True, True, False
    ]  # fmt: skip
    run_cli("style", "renew")
    assert "note" not in run_cli("style", "list").out


def test_what_can_t_be_renewed_is_said(painter: Painter, run_cli) -> None:
    user_folder().mkdir(parents=True)
    old_style(painter, user_folder(), samples=(), thumbnail=b"")
    done = run_cli("style", "renew", "old")
    assert (done.code, "learn it again" in done.out) == (0, True)


@pytest.mark.parametrize(
    ("licence", "options", "carried"),
    [
        ("", (), False),
        ("Public domain", (), True),
        ("all rights reserved", ("--with-pictures",), True),
        ("CC0", ("--without-pictures",), False),
    ],
)
def test_pictures_leave_the_house_only_if_they_may(
    painter: Painter, run_cli, tmp_path: Path, licence: str, options: tuple[str, ...], carried: bool
) -> None:
    run_cli("style", "add", "leaf", work(tmp_path, "leaf.png", (40, 160, 50)), "--licence", licence)
    assert read_style(user_folder() / "leaf.style.safetensors").samples
    assert run_cli("style", "export", "leaf", tmp_path, *options).code == 0
    assert bool(read_style(tmp_path / "leaf.style.safetensors").samples) is carried


def test_every_command_answers_machines(painter: Painter, run_cli, tmp_path: Path) -> None:
    def answer(*words: object) -> dict:
        done = run_cli("style", *words, "--json")
        assert (done.code, done.err) == (0, "")
        return json.loads(done.out)

    assert answer("blend", "dusk", "sunset,night")["style"] == "dusk"
    assert answer("export", "dusk", tmp_path)["bytes"] == (tmp_path / "dusk.style.safetensors").stat().st_size
    assert answer("show", "dusk")["title"] == "0.50 sunset + 0.50 night"
    assert Path(answer("remove", "dusk")["path"]).name == "dusk.style.safetensors"
    assert answer("renew")["styles"] == []
    refused = run_cli("style", "remove", "dusk", "--json")
    assert (refused.code, "unknown style" in json.loads(refused.out)["error"]["message"]) == (2, True)
