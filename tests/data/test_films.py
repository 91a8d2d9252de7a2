"""Films of every kind give their frames; what is none is said."""

from __future__ import annotations

import sys
import types
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganstyle.data.films import Film, film_pairs
from ganstyle.errors import EnvironmentProblem, InputError, NoInputError

SHADES = (10, 60, 200)


def frames(size=(8, 6)):
    return [Image.new("RGB", size, (shade, shade, shade)) for shade in SHADES]


def animation(path, size=(8, 6)):
    first, *rest = frames(size)
    settings = {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=rest, duration=40, **settings)
    return path


def folder(path, size=(8, 6)):
    path.mkdir(parents=True)
    for number, frame in enumerate(frames(size)):
        frame.save(path / f"{number:03}.png")
    return path


def shades(film):
    return [int(frame[0, 0, 0]) for frame in film]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.apng"])
def test_frames_of_animations_come_in_order_again_and_again(tmp_path, name):
    film = Film(animation(tmp_path / name) if not name.endswith("apng") else _apng(tmp_path))
    assert film.count == 3
    assert shades(film) == shades(film) == list(SHADES)
    assert next(iter(film)).shape == (3, 6, 8)


def _apng(tmp_path):
    animation(tmp_path / "b.png").rename(tmp_path / "a.apng")
    return tmp_path / "a.apng"


def test_a_folder_of_frames_is_a_film(tmp_path):
    film = Film(folder(tmp_path / "frames"))
    assert (film.count, shades(film), film.name) == (3, list(SHADES), "frames")


class Frame(int):
    """A frame of PyAV."""

    rotation = 0

    def to_ndarray(self, *, format):
        pixels = np.full((6, 8, 3), self, np.uint8)
        pixels[0, 0] = 0  # the top left corner
        return pixels


@pytest.fixture
def video(tmp_path, monkeypatch):
    """A file that a stand-in of PyAV reads as three frames."""

    @contextmanager
    def opened(path):
        if Path(path).read_bytes() == b"cut":
            raise RuntimeError("[Errno 1094995529]")
        yield types.SimpleNamespace(
            streams=types.SimpleNamespace(video=[0]), decode=lambda *, video: map(Frame, SHADES)
        )

    stand_in = types.SimpleNamespace(open=opened, error=types.SimpleNamespace(FFmpegError=RuntimeError))
    monkeypatch.setattr("ganstyle.data.films.importlib.util.find_spec", lambda name: stand_in)
    monkeypatch.setitem(sys.modules, "av", stand_in)
    (tmp_path / "a.mp4").write_bytes(b"x")
    return tmp_path / "a.mp4"


def test_a_video_is_read_by_pyav_frame_by_frame(video):
    film = Film(video)
    assert (film.count, [int(frame[0, 3, 3]) for frame in film]) == (None, list(SHADES))


def test_a_turned_video_is_shown_upright(video, monkeypatch):
    monkeypatch.setattr(Frame, "rotation", -90)
    frame = next(iter(Film(video)))
    assert frame.shape == (3, 8, 6) and int(frame[0, 0, -1]) == 0  # clockwise: the corner is now at the right


def test_a_video_that_is_cut_off_is_said_in_our_words(video):
    video.write_bytes(b"cut")
    with pytest.raises(InputError, match=r"^a\.mp4 is damaged or incomplete$"):
        list(Film(video))


def test_a_video_without_pyav_says_what_else_works(tmp_path, monkeypatch):
    monkeypatch.setattr("ganstyle.data.films.importlib.util.find_spec", lambda name: None)
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(EnvironmentProblem, match=r"a\.mp4 is a video, and PyAV") as caught:
        Film(tmp_path / "a.mp4")
    assert "folder of frames" in caught.value.hint


def test_what_is_no_film_is_said(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for name, said in (("none.gif", "there is no film"), ("notes.txt", "is no film")):
        with pytest.raises(NoInputError, match=said):
            Film(tmp_path / name)
    frames()[0].save(tmp_path / "still.png")
    with pytest.raises(InputError, match="1 frames"):
        _ = Film(tmp_path / "still.png").count


@pytest.mark.parametrize("keep", [0, 30])
def test_a_damaged_animation_is_said(tmp_path, keep):
    path = animation(tmp_path / "a.gif", size=(64, 64))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="damaged"):
        list(Film(path))


def test_frames_of_different_sizes_are_said(tmp_path):
    place = folder(tmp_path / "frames")
    Image.new("RGB", (9, 6)).save(place / "999.png")
    with pytest.raises(InputError, match=r"8 x 6 and 9 x 6, frame 4"):
        list(Film(place))


def test_films_of_folders_are_matched_by_name(tmp_path):
    for side, names in (("out", ("a.gif", "b.webp")), ("source", ("a.webp", "c.gif"))):
        (tmp_path / side).mkdir()
        for name in names:
            animation(tmp_path / side / name)
    [(result, source)] = film_pairs(tmp_path / "out", tmp_path / "source")
    assert (result.name, source.name) == ("a.gif", "a.webp")
    (tmp_path / "source/a.webp").unlink()
    with pytest.raises(NoInputError, match="has the name of one in"):
        film_pairs(tmp_path / "out", tmp_path / "source")


def test_two_folders_of_frames_are_one_pair(tmp_path):
    [(result, source)] = film_pairs(folder(tmp_path / "out"), folder(tmp_path / "in"))
    assert (result.count, source.count) == (3, 3)
