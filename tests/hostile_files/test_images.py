"""Files made to harm: each is refused, quickly, in one sentence of our own."""

from __future__ import annotations

import io
import os
import struct
import threading
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from ganstyle.data.reading import open_picture, read_image
from ganstyle.errors import InputError


def png(width, height, *chunks, data=b""):
    """Return a PNG of any header, whether or not the pixels are there."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + body


def picture(kind="JPEG", **options):
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, kind, **options)
    return stream.getvalue()


CONTENTS = {
    "bomb.png": (png(20_000, 20_000), "20000x20000 = 400 megapixels"),
    "lying.png": (png(3000, 3000, data=b"\0" * 100), "is truncated|is damaged"),
    "nothing.png": (png(0, 5), "is damaged|no pixels"),
    "text_bomb.png": (png(1, 1, (b"zTXt", b"k\0\0" + zlib.compress(bytes(200_000_000), 9))), "is damaged"),
    "crc.png": (picture("PNG")[:60] + b"\xff" + picture("PNG")[61:], "is damaged|is truncated"),
    "head_only.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF", "is damaged|is truncated"),
    "empty.png": (b"", r"is empty \(0 bytes\)"),
    "page.jpg": (b"\n <!DOCTYPE html><html>404</html>", "is an HTML page"),
    "reply.jpg": (b'{"error": "rate limit"}', "is a JSON text"),
    "drawing.svg": (b'<?xml version="1.0"?><svg onload="x()"/>', "is an SVG drawing"),
    "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC support is not installed"),
    "light.exr": (b"v/1\x01" + bytes(60), "OpenEXR"),
    "camera.cr2": (b"II*\0\x10\0\0\0CR\x02\0", "camera RAW"),
    "layers.psd": (b"8BPS\0\x01" + bytes(60), "Photoshop"),
    "page.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(touch x) system", "PostScript"),
    "stars.fits": (b"SIMPLE  =                    T" + bytes(60), "FITS"),
    "old.tga": (bytes(18) + bytes(100), "is not an image that ganstyle knows"),
    "palette.ico": (b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0", "is not an image that ganstyle knows"),
    "movie.mp4": (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "is a video"),
    "weights.png": (b"\x80\x04\x95\x0e", "is not an image that ganstyle knows"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_refused_quickly_with_a_reason_and_without_pillows_words(tmp_path, name):
    content, message = CONTENTS[name]
    (tmp_path / name).write_bytes(content)
    start = time.perf_counter()
    with pytest.raises(InputError, match=message) as caught:
        read_image(tmp_path / name)
    assert time.perf_counter() - start < 2
    assert caught.value.code == 4 and name in caught.value.message
    assert "PIL" not in caught.value.message and "object at" not in caught.value.message


def test_the_hint_for_heic_is_a_command_that_works(tmp_path):
    (tmp_path / "a.heic").write_bytes(CONTENTS["photo.heic"][0])
    with pytest.raises(InputError) as caught:
        read_image(tmp_path / "a.heic")
    assert caught.value.hint == "pip install pillow-heif"


def test_a_bomb_is_refused_before_any_memory_is_taken(tmp_path):
    (tmp_path / "bomb.png").write_bytes(CONTENTS["bomb.png"][0])
    tracemalloc.start()
    with pytest.raises(InputError):
        read_image(tmp_path / "bomb.png")
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_an_animation_of_gigapixels_costs_one_frame(tmp_path):
    frames = [Image.new("P", (2000, 2000), number) for number in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert open_picture(tmp_path / "a.gif").size == (2000, 2000)
    with pytest.raises(InputError, match="has 3 frames, no frame 600"):
        open_picture(tmp_path / "a.gif", frame=600)


def test_a_deep_frame_of_a_large_animation_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("ganstyle.data.reading.MAX_ANIMATION_PIXELS", 10_000)
    frames = [Image.new("RGB", (64, 64), (n, 0, 0)) for n in (1, 90, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert open_picture(tmp_path / "a.gif", frame=1).rgb[0, 0, 0] == 90
    with pytest.raises(InputError, match="too many pixels"):
        open_picture(tmp_path / "a.gif", frame=2)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF", "BMP"])
def test_a_picture_cut_anywhere_is_read_or_refused_never_a_crash(tmp_path, kind):
    whole = picture(kind)
    path = tmp_path / "cut"
    for length in range(1, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:length])
        try:
            assert read_image(path).shape == (3, 48, 48)
        except InputError as error:
            assert error.where == str(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF", "BMP"])
def test_flipped_bytes_are_read_or_refused_never_a_crash(tmp_path, kind):
    whole, random = bytearray(picture(kind)), np.random.default_rng(1)
    path = tmp_path / "flipped"
    for _ in range(40):
        data = whole.copy()
        for at in random.integers(0, min(400, len(whole)), 3):
            data[at] = random.integers(256)
        path.write_bytes(data)
        try:
            assert read_image(path, max_pixels=10_000_000).shape[0] == 3
        except InputError as error:
            assert error.message


def test_folders_devices_and_missing_files(tmp_path):
    (tmp_path / "x.png").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_image(tmp_path / "x.png")
    with pytest.raises(InputError, match="does not exist"):
        read_image(tmp_path / "none.png")
    with pytest.raises(InputError, match="can't be opened"):
        read_image("nul\0byte.png")


@pytest.mark.skipif(os.name == "nt", reason="no fifos there")
def test_a_fifo_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    errors = []

    def read():
        try:
            read_image(tmp_path / "pipe.png")
        except InputError as error:
            errors.append(error.message)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert errors and "is a pipe, not a file" in errors[0]


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a device")
def test_a_device_is_no_picture():
    with pytest.raises(InputError, match="is a device"):
        read_image("/dev/zero")


@pytest.mark.skipif(os.name == "nt", reason="such names can't exist there")
def test_names_are_escaped_in_messages(tmp_path):
    (tmp_path / "a\x1b[2J[bold].png").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        read_image(tmp_path / "a\x1b[2J[bold].png")
    assert "\x1b" not in caught.value.message and "a\\x1b[2J[bold].png" in caught.value.message


def test_a_byte_cap_bounds_what_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("ganstyle.data.reading.MAX_BYTES", 100)
    (tmp_path / "a.png").write_bytes(picture("PNG"))
    with pytest.raises(InputError, match="at most 100 are read"):
        read_image(tmp_path / "a.png")


def test_threads_may_read_at_the_same_time(tmp_path):
    (tmp_path / "a.png").write_bytes(picture("PNG"))
    (tmp_path / "cut.jpg").write_bytes(picture()[:1500])
    results = []

    def read(number):
        name, options = (("a.png", {}), ("cut.jpg", {"allow_truncated": True}))[number % 2]
        results.append(tuple(read_image(tmp_path / name, **options).shape))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [(3, 48, 48)] * 8
