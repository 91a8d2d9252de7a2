"""What may stand after --style."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_painter import Painter, noise

from ganstyle.errors import ModelError, NoInputError, UsageError
from ganstyle.registry import load_registry
from ganstyle.style.bank import Style, StyleBank, write_style
from ganstyle.style.card import StyleCard
from ganstyle.style.selection import blend, default_style, select_style


def select(painter: Painter, wanted: object) -> Style:
    return select_style(wanted, bank=StyleBank(painter.registry), base=painter.base)


def save(path: Path, color: tuple[int, int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(color).permute(1, 2, 0).numpy()).save(path)
    return path


def mean_of(style: Style) -> list[int]:
    return np.rint((style.code[3:] + 1) * 127.5).astype(int).tolist()


def test_a_name_is_looked_up_in_the_bank(painter: Painter) -> None:
    assert select(painter, "sunset").card.title == "Sunset"


def test_a_picture_is_encoded_and_named_after_its_file(painter: Painter, tmp_path: Path) -> None:
    style = select(painter, str(save(tmp_path / "Green Field.png", (40, 160, 50))))
    assert style.name == "green_field"
    assert mean_of(style) == pytest.approx([40, 160, 50], abs=1)


def test_a_folder_is_the_mean_of_its_pictures(painter: Painter, tmp_path: Path) -> None:
    for index, level in enumerate((50, 80, 110)):
        save(tmp_path / "grays" / f"{index}.png", (level, level, level))
    style = select(painter, tmp_path / "grays")
    assert (style.name, style.card.works) == ("grays", 3)
    assert mean_of(style) == pytest.approx([80, 80, 80], abs=1)


def test_a_style_file_is_taken_as_it_is(painter: Painter, tmp_path: Path) -> None:
    stored = StyleBank().load("night")
    path = write_style(stored, tmp_path / "mine.style.safetensors")
    assert np.array_equal(select(painter, path).code, stored.code)


def test_a_name_wins_over_a_folder_and_dot_slash_means_the_folder(painter, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "sunset" / "a.png", (10, 200, 10))
    assert select(painter, "sunset").card.title == "Sunset"
    assert mean_of(select(painter, "./sunset")) == pytest.approx([10, 200, 10], abs=1)


def test_a_mixture_is_the_weighted_mean_of_names_and_files(painter: Painter, tmp_path: Path) -> None:
    picture = save(tmp_path / "a.png", (100, 100, 100))
    style = select(painter, f"night:1,{picture}:3")
    assert mean_of(style) == pytest.approx([80, 85, 105], abs=1)
    assert style.name == "night25-a75"


def test_a_file_with_a_comma_in_its_name_is_still_a_file(painter: Painter, tmp_path: Path) -> None:
    assert mean_of(select(painter, str(save(tmp_path / "a,b.png", (90, 80, 70))))) == pytest.approx([90, 80, 70], abs=1)


def test_a_mixture_names_all_authors_and_licences(painter: Painter) -> None:
    bank = StyleBank()
    for name, licence in (("a", "CC0"), ("b", "public domain"), ("c", "CC0")):
        card = StyleCard(name, "moments", painter.base.sha256, author=name.upper(), licence=licence, works=2)
        bank.add(Style(card, np.zeros(6, np.float32)))
    mixture = blend([("a", 0.2), ("b", 0.3), ("c", 0.5)], bank=bank, base=painter.base, name="abc")
    assert (mixture.card.author, mixture.card.licence) == ("A; B; C", "CC0; public domain")
    assert (mixture.name, mixture.card.works) == ("abc", 6)


@pytest.mark.parametrize(
    ("wanted", "error", "word"),
    [
        ("sunst", UsageError, "did you mean 'sunset'"),
        ("sunst:0.5,night:0.5", UsageError, "did you mean 'sunset'"),
        ("missing.jpg", UsageError, "no such file"),
        ("some/where", UsageError, "no such file"),
        ("sunset:-1,night:2", UsageError, "-1"),
    ],
)
def test_what_means_nothing_is_refused_with_advice(painter: Painter, wanted: str, error: type, word: str) -> None:
    with pytest.raises(error, match=word):
        select(painter, wanted)


def test_an_empty_folder_is_no_style(painter: Painter, tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="there are no pictures"):
        select(painter, tmp_path)


def test_a_style_object_of_another_base_model_is_refused(painter: Painter) -> None:
    with pytest.raises(ModelError, match="was made for"):
        select(painter, Style(StyleCard("x", "other", "00" * 32), np.zeros(6, np.float32)))


def test_the_default_is_the_first_style_that_can_be_read(painter: Painter) -> None:
    bank = StyleBank()
    bank.folder.mkdir(parents=True)
    (bank.folder / "aaa.style.safetensors").write_bytes(b"junk")
    assert default_style(bank) == "night"


def test_the_default_is_the_one_that_its_plugin_names_unless_it_is_damaged(painter: Painter) -> None:
    bank = StyleBank()
    bank.preferred = frozenset({"sunset"})
    assert default_style(bank) == "sunset"
    bank.folder.mkdir(parents=True)
    (bank.folder / "sunset.style.safetensors").write_bytes(b"junk")
    assert default_style(bank) == "night"


def test_the_shipped_default_is_a_shipped_style() -> None:
    bank = StyleBank(load_registry())
    assert bank.preferred == {"van_gogh"}
    assert bank.preferred <= set(bank.names())


def test_what_a_folder_of_works_holds_besides_is_told(painter: Painter, tmp_path: Path) -> None:
    save(tmp_path / "good.png", (90, 60, 30))
    for number in range(9):
        (tmp_path / f"bad{number}.png").write_bytes(b"x" * number)
    told: list[str] = []
    style = select_style(str(tmp_path), bank=StyleBank(), base=painter.base, warn=told.append)
    assert style.card.works == 1
    assert len(told) == 1
    assert "1 of 10 pictures used" in told[0]
    assert "bad0.png" in told[0]


def test_nothing_is_not_the_working_folder(painter: Painter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "good.png", (90, 60, 30))
    monkeypatch.chdir(tmp_path)
    for text in ("", ":1,sunset:1", ","):
        with pytest.raises(UsageError):
            select_style(text, bank=StyleBank(), base=painter.base)
    assert select_style(".", bank=StyleBank(), base=painter.base).card.works == 1


def test_the_thumbnail_of_a_mixture_shows_its_parts_as_wide_as_their_weights(painter: Painter) -> None:
    bank = StyleBank()
    red, blue = (bank.load(name).picture().resize((1, 1)).getpixel((0, 0)) for name in ("sunset", "night"))
    picture = select_style("sunset:3,night:1", bank=bank, base=painter.base).picture()
    pixels = np.asarray(picture, dtype=int)
    for part, colour in (
        (pixels[:, : picture.width * 3 // 4 - 4], red),
        (pixels[:, picture.width * 3 // 4 + 4 :], blue),
    ):
        assert np.abs(part.mean((0, 1)) - colour).max() < 8
    whole = select_style("sunset:1,night:0", bank=bank, base=painter.base).picture()
    assert np.abs(np.asarray(whole, dtype=int).mean((0, 1)) - red).max() < 8


def test_a_mixture_of_styles_without_pictures_has_none(painter: Painter) -> None:
    bare = [replace(StyleBank().load("night"), thumbnail=data) for data in (b"", b"no JPEG")]
    for number, style in enumerate(bare):
        StyleBank().add(replace(style, card=replace(style.card, name=f"bare{number}")))
    mixed = select_style("bare0,bare1", bank=StyleBank(), base=painter.base)
    assert (mixed.thumbnail, mixed.picture()) == (b"", None)
    half = select_style("bare0,sunset", bank=StyleBank(), base=painter.base).picture()
    assert np.asarray(half, dtype=int).std((0, 1)).max() < 20  # no black part
