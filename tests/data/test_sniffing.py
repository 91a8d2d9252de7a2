"""Files are told apart by their first bytes."""

from __future__ import annotations

import pytest

from ganstyle.data.sniffing import READABLE, REFUSALS, sniff


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "WEBP"),
        (b"P6\n2 2\n255\n", "PPM"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"II*\0\x10\0\0\0CR\x02\0", "RAW"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "AVIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "VIDEO"),
        (b"\xff\x0a\xfa\x7f", "JXL"),
        (b"v/1\x01\x02\0\0\0", "EXR"),
        (b"#?RADIANCE\n", "HDR"),
        (b"8BPS\0\x01", "PSD"),
        (b"%PDF-1.7", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF", "EPS"),
        (b"  <!DOCTYPE html><html>", "HTML"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg width="3">', "SVG"),
        (b'{"error": "not found"}', "JSON"),
        (b"", "EMPTY"),
        (b"hello", "UNKNOWN"),
        (b"PK\x03\x04", "ZIP"),
    ],
)
def test_kind_by_first_bytes(head, kind):
    assert sniff(head) == kind
    assert (kind in READABLE) != (kind in REFUSALS)


def test_raw_files_that_are_tiff_inside_are_told_by_their_suffix():
    head = b"II*\0\x08\0\0\0"
    assert sniff(head, suffix=".dng") == "RAW"
    assert sniff(head, suffix=".tif") == "TIFF"


def test_a_brand_behind_the_first_box_does_not_count():
    assert sniff(b"\0\0\0\x10ftypisom\0\0\0\0" + b"avif" * 10) == "VIDEO"
