"""The film shows the previews in order, bounded in size and number, and never ends a run."""

from __future__ import annotations

import pytest
from PIL import Image

from ganstyle.engine.timeline import LARGEST_SIDE, MOST_FRAMES, captioned, write_timeline


@pytest.fixture
def filmed(tmp_path):
    """A function that makes previews of growing redness and returns the run's folder."""

    def make(count, size=(24, 20)):
        (tmp_path / "previews").mkdir()
        for number in range(1, count + 1):
            picture = Image.new("RGB", size, (round(255 * number / count), 0, 0))
            picture.save(tmp_path / f"previews/{number * 1000:09d}.png")
        return tmp_path

    return make


def reds(frames):
    return [frame.convert("RGB").getpixel((2, 2))[0] for frame in frames]


def test_frames_come_in_order_and_the_film_repeats(filmed):
    with Image.open(write_timeline(filmed(4))) as film:
        shown = []
        for number in range(film.n_frames):
            film.seek(number)
            shown.append(film.convert("RGB").getpixel((4, 4))[0])
        assert shown == pytest.approx([64, 128, 191, 255], abs=16) and film.info["loop"] == 0


def test_the_bar_under_a_picture_grows_with_the_images_shown(filmed):
    frames = list(captioned(sorted(filmed(4).glob("previews/*.png"))))
    rows = [[frame.getpixel((x, frame.height - 2))[0] < 128 for x in range(frame.width)] for frame in frames]
    assert [sum(row) for row in rows] == pytest.approx([6, 12, 18, 24], abs=1)


def test_the_caption_differs_from_frame_to_frame(filmed):
    frames = list(captioned(sorted(filmed(2, (120, 20)).glob("previews/*.png"))))
    texts = [frame.crop((0, 20, frame.width, 44)).tobytes() for frame in frames]
    assert texts[0] != texts[1]


def test_many_previews_are_taken_evenly_with_the_first_and_the_last(filmed):
    frames = reds(captioned(sorted(filmed(MOST_FRAMES + 80, (4, 4)).glob("previews/*.png"))))
    assert len(frames) == MOST_FRAMES and frames[0] <= 2 and frames[-1] == 255 and frames == sorted(frames)


def test_large_previews_are_shrunk(filmed):
    (frame, *_) = captioned(sorted(filmed(2, (2000, 1000)).glob("previews/*.png")))
    assert frame.width == LARGEST_SIDE and frame.height < LARGEST_SIDE


def test_what_is_no_preview_is_left_out(filmed):
    folder = filmed(3)
    (folder / "previews/000002000.png").write_bytes(b"half")
    Image.new("RGB", (9, 9)).save(folder / "previews/other.png")
    assert len(list(captioned(sorted(folder.glob("previews/*.png"))))) == 2


@pytest.mark.parametrize("count", [0, 1])
def test_less_than_two_previews_are_no_film(filmed, count):
    assert write_timeline(filmed(count)) is None


def test_a_film_that_cannot_be_written_is_none(filmed):
    folder = filmed(2)
    (folder / "timeline.webp").mkdir()
    assert write_timeline(folder) is None
