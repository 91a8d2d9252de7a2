"""How files were stored is read from their names and headers."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from ganstyle.engine.encodings import Encoding, difference_of, encoding_of, jpeg_quality


def jpeg(quality):
    stream = io.BytesIO()
    Image.effect_noise((32, 32), 60).convert("RGB").save(stream, "JPEG", quality=quality)
    stream.seek(0)
    return stream


@pytest.mark.parametrize("quality", [30, 50, 75, 90, 95])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(quality):
    assert jpeg_quality(jpeg(quality)) == pytest.approx(quality, abs=1)


def test_what_is_no_jpeg_has_no_quality(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert [jpeg_quality(tmp_path / "a.png"), jpeg_quality(io.BytesIO(b"")), jpeg_quality(tmp_path / "none")] == [0] * 3


def test_formats_are_counted_and_told(tmp_path):
    found = encoding_of(["a.jpg", "b.JPEG", "c.png"], [jpeg(75), io.BytesIO(b"x"), jpeg(85)])
    assert (found.formats, found.lossy) == ({"JPEG": 2, "PNG": 1}, pytest.approx(2 / 3))
    assert found.words == "2 JPEG and 1 PNG" and found.quality == pytest.approx(80, abs=1)
    assert encoding_of(["a.jpg"], [jpeg(75)]).words == "JPEG (quality about 75)"
    assert (Encoding().words, Encoding().lossy, Encoding().quality) == ("", 0, 0)


PNG, JPEG75, JPEG90 = Encoding({"PNG": 9}), Encoding({"JPEG": 9}, (74, 75, 76)), Encoding({"JPEG": 9}, (90,))


@pytest.mark.parametrize(
    ("fake", "real", "said"),
    [
        (Encoding(), PNG, ""),
        (PNG, JPEG75, "stored differently (generated PNG, real JPEG (quality about 75))"),
        (Encoding(), JPEG75, "generated never compressed"),
        (JPEG90, JPEG75, "JPEG of different quality"),
        (JPEG75, JPEG75, "both sides are JPEG"),
    ],
)
def test_what_storage_does_to_scores_is_said(fake, real, said):
    assert said in difference_of(fake, real) and bool(difference_of(fake, real)) == bool(said)
