"""The recipe of the shipped styles: free works only, one style at a time if asked."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from tiny_painter import Painter, noise

from ganstyle.style.bank import read_style
from ganstyle.style.card import check_name, is_public

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_styles", ROOT / "docs" / "make_styles.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def sources(tmp_path: Path, script) -> Path:
    """All works that the recipe names, as coarse noise, with the licences of the real ones."""
    files = sorted({file for facts in script.plans().values() for file in facts["files"]})
    for index, file in enumerate(files):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise((5 * index, 90, 120)).permute(1, 2, 0).numpy()).save(tmp_path / file)
    entries = [{"file": file.removeprefix("masters/"), "license": "Public domain"} for file in files]
    (tmp_path / "masters_sources.json").write_text(json.dumps(entries))
    return tmp_path


def run(script, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["make_styles.py", *map(str, words)])
    script.main()


def test_the_recipe_names_enough_styles_and_says_where_they_are_from(script) -> None:
    plans = script.plans()
    assert len(plans) >= 12
    for name, facts in plans.items():
        assert check_name(name) == name
        assert facts["files"] and facts["title"] and facts["author"] and facts["source"] and facts["steps"] > 0
        assert is_public(facts["licence"])


def test_one_style_is_made_lean_and_refined(script, painter: Painter, sources: Path, monkeypatch, capsys) -> None:
    out = sources / "out"
    run(script, monkeypatch, sources, "--only", "seurat", "--steps", "2", "--out", out)
    style = read_style(out / "seurat.style.safetensors")
    assert [path.name for path in out.iterdir()] == ["seurat.style.safetensors"]
    assert (style.card.author, style.card.fit_steps, style.samples, style.codes) == ("Georges Seurat", 2, (), None)
    assert "seurat" in capsys.readouterr().out


def test_a_time_may_take_the_place_of_steps(script, painter: Painter, sources: Path, monkeypatch) -> None:
    run(script, monkeypatch, sources, "--only", "marc", "--seconds", "0.2", "--out", sources)
    card = read_style(sources / "marc.style.safetensors").card
    assert card.fit_steps > 0 and card.fit_seconds < 30


def test_works_that_are_not_free_stop_it(script, painter: Painter, sources: Path, monkeypatch) -> None:
    listing = sources / "masters_sources.json"
    listing.write_text(listing.read_text().replace("Public domain", "all rights reserved"))
    with pytest.raises(SystemExit, match="not known to be free"):
        run(script, monkeypatch, sources, "--only", "marc")


def test_a_missing_work_and_an_unknown_style_are_named(script, painter: Painter, sources: Path, monkeypatch) -> None:
    (sources / "masters/franz_marc/large_blue_horses.jpg").unlink()
    with pytest.raises(SystemExit, match="large_blue_horses"):
        run(script, monkeypatch, sources, "--only", "marc")
    with pytest.raises(SystemExit, match="no style klimt"):
        run(script, monkeypatch, sources, "--only", "klimt")
