"""Animations have all their frames, times and marks, and overwrite nothing."""

from __future__ import annotations

import pytest
import torch
from PIL import Image, ImageSequence

from ganstyle.data.animation import LARGEST_PIXELS, check_animation, save_animation
from ganstyle.data.provenance import read_marks
from ganstyle.errors import EnvironmentProblem, UsageError

LEVELS = (0, 60, 120, 180, 240)


def frames(height=12, width=16):
    """Five plain pictures, each of one level of grey."""
    return (torch.full((3, height, width), level, dtype=torch.uint8) for level in LEVELS)


@pytest.mark.parametrize("suffix", [".webp", ".png", ".apng", ".gif"])
def test_frames_come_back_in_order_and_repeat_forever(tmp_path, suffix):
    path = save_animation(frames(), tmp_path / f"a{suffix}", fps=10)
    with Image.open(path) as animation:
        found = [frame.convert("RGB").getpixel((5, 5))[0] for frame in ImageSequence.Iterator(animation)]
        assert animation.size == (16, 12) and animation.info["loop"] == 0
    assert found == pytest.approx(LEVELS, abs=3)


@pytest.mark.parametrize(("suffix", "fps", "total_ms"), [(".webp", 24, 208), (".png", 24, 208), (".gif", 24, 200)])
def test_rounded_times_add_up_to_the_true_length(tmp_path, suffix, fps, total_ms):
    path = save_animation(frames(), tmp_path / f"a{suffix}", fps=fps)
    with Image.open(path) as animation:
        times = [frame.copy() and frame.info["duration"] for frame in ImageSequence.Iterator(animation)]
    assert sum(times) == pytest.approx(total_ms, abs=1)


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_marks_and_settings_are_kept(tmp_path, suffix):
    path = save_animation(frames(), tmp_path / f"a{suffix}", provenance={"seed": 3})
    marks = read_marks(path)
    assert marks.ours and marks.source_type == "trainedAlgorithmicMedia" and marks.settings == {"seed": 3}


def test_a_gif_says_in_its_comment_how_it_was_made(tmp_path):
    with Image.open(save_animation(frames(), tmp_path / "a.gif")) as animation:
        assert b"trainedAlgorithmicMedia" in animation.info["comment"]


def test_an_existing_file_is_kept(tmp_path):
    first = save_animation(frames(), tmp_path / "a.webp")
    before = first.read_bytes()
    assert save_animation(frames(), tmp_path / "a.webp").name == "a-2.webp" and first.read_bytes() == before


def test_unknown_extensions_and_masses_of_pixels_are_refused_before_any_work(tmp_path):
    with pytest.raises(UsageError, match="known extensions"):
        check_animation(tmp_path / "a.jpg", frames=2, size=(8, 8))
    with pytest.raises(UsageError, match="too many"):
        check_animation(tmp_path / "a.webp", frames=LARGEST_PIXELS // 10_000 + 1, size=(100, 100))
    assert check_animation(tmp_path / "a.GIF", frames=2, size=(8, 8)) == "GIF"


def test_frames_of_different_sizes_and_none_at_all_are_refused(tmp_path):
    mixed = [torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(3, 4, 6, dtype=torch.uint8)]
    for wrong in (mixed, []):
        with pytest.raises(UsageError):
            save_animation(wrong, tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []


def test_mp4_without_pyav_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem) as caught:
        check_animation(tmp_path / "a.mp4", frames=2, size=(8, 8))
    assert "pip install av" in caught.value.hint and "a.webp" in caught.value.hint


def test_mp4_has_all_frames_and_even_sides(tmp_path):
    av = pytest.importorskip("av")
    path = save_animation(frames(31, 33), tmp_path / "a.mp4", fps=10)
    with av.open(path) as container:
        found = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame[5, 5, 0] for frame in found] == pytest.approx(LEVELS, abs=4) and found[0].shape == (32, 34, 3)
