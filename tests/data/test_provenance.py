"""Marks say how a picture was made, survive in every format, and give no folder away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganstyle.data.provenance import STYLISED, Marks, read_marks, settings_text, xmp_packet
from ganstyle.data.writing import save_image

PICTURE = np.zeros((8, 8, 3), np.uint8)
FORMATS = ["a.png", "a.jpg", "a.webp", "a.avif", "a.tif"]


@pytest.mark.parametrize("name", FORMATS)
def test_marks_come_back_from_every_format(tmp_path, name):
    settings = {"seed": 3, "style": 'mo"net <&>', "model_sha256": "ab" * 32}
    path = save_image(PICTURE, tmp_path / name, provenance=settings, source_type=STYLISED)
    marks = read_marks(path)
    assert marks.source_type == "compositeWithTrainedAlgorithmicMedia"
    assert marks.settings == settings and marks.ours and marks.tool.startswith("ganstyle ")


@pytest.mark.parametrize("name", FORMATS)
def test_the_iptc_address_is_in_the_file_for_any_reader(tmp_path, name):
    data = save_image(PICTURE, tmp_path / name).read_bytes()
    assert b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia" in data


@pytest.mark.parametrize("name", FORMATS)
def test_marks_can_be_left_out(tmp_path, name):
    path = save_image(PICTURE, tmp_path / name, provenance={"seed": 1}, source_type=None)
    assert b"iptc" not in path.read_bytes() and read_marks(path) == Marks()


def test_the_packet_is_well_formed_xml():
    from xml.etree import ElementTree

    tree = ElementTree.fromstring(xmp_packet("trainedAlgorithmicMedia", settings_text({"a": "<\x00'\"&ü>"})).decode())
    keys = {key for element in tree.iter() for key in element.attrib}
    assert "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType" in keys
    assert "{http://ns.adobe.com/xap/1.0/}CreatorTool" in keys


@pytest.mark.parametrize("secret", ["/home/ann/x.png", "C:\\Users\\ann\\x.png", Path("/home/ann/x.png")])
def test_folders_are_dropped_from_settings(tmp_path, secret):
    path = save_image(PICTURE, tmp_path / "a.png", provenance={"inputs": [{"content": secret}]})
    assert b"ann" not in path.read_bytes()
    assert read_marks(path).settings == {"inputs": [{"content": "x.png"}]}


def test_long_settings_are_shortened_to_fit_a_jpeg(tmp_path):
    settings = {"seed": 5, "text": "x" * 200_000}
    assert read_marks(save_image(PICTURE, tmp_path / "a.jpg", provenance=settings)).settings == {"seed": 5}


@pytest.mark.parametrize("settings", ["[1]", "{", "[" * 40_000, '{"a": NaN'])
def test_settings_of_a_stranger_are_read_as_an_object_or_not_at_all(tmp_path, settings):
    Image.fromarray(PICTURE).save(tmp_path / "a.jpg", xmp=xmp_packet("trainedAlgorithmicMedia", settings))
    assert read_marks(tmp_path / "a.jpg").settings == {}


def test_files_without_marks_have_none(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert [read_marks(tmp_path / name) for name in ("a.png", "b.png", "c.png", ".")] == [Marks()] * 4
