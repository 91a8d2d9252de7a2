"""Zips are read in place; hostile ones are refused before anything is unpacked."""

from __future__ import annotations

import io
import pickle
import struct
import time
import zipfile

import pytest
import torch
from PIL import Image

from ganstyle.data.loading import Loader
from ganstyle.data.pictures import FolderPictures
from ganstyle.data.transforms import Preprocess
from ganstyle.data.zips import ZipPictures, open_pictures
from ganstyle.errors import InputError, NoInputError


def png(colour="red"):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(stream, "PNG")
    return stream.getvalue()


def make(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


@pytest.fixture
def packed(style_folder, tmp_path):
    files = sorted(path for path in style_folder.rglob("*.png"))
    return make(tmp_path / "a.zip", [(path.relative_to(style_folder).as_posix(), path.read_bytes()) for path in files])


def test_a_zip_equals_its_folder(packed, style_folder):
    zipped, folder = ZipPictures(packed), FolderPictures(style_folder)
    assert zipped.files == folder.files and zipped.styles == folder.styles
    assert all(torch.equal(zipped[n]["images"], folder[n]["images"]) for n in range(12))


def test_litter_and_other_files_are_passed_over(tmp_path):
    members = [("a.png", png()), ("__MACOSX/._a.png", b"x"), ("notes.txt", b"x"), (".hidden/b.png", png())]
    assert ZipPictures(make(tmp_path / "a.zip", members)).files == ["a.png"]


def test_worker_processes_open_the_zip_for_themselves(packed):
    data = ZipPictures(packed)
    data[0]  # the parent's handle is open when the processes start
    alone = next(Loader(data, Preprocess.plain(8), batch=12, seed=0))
    loader = Loader(data, Preprocess.plain(8), batch=12, seed=0, workers=2)
    assert torch.equal(next(loader)["images"], alone["images"])
    loader.close()
    assert torch.equal(pickle.loads(pickle.dumps(data))[1]["images"], data[1]["images"])


HOSTILE_NAMES = ["../x.png", "/etc/x.png", "..\\..\\x.png", "C:\\x.png", "a/../../x.png", "\\\\host\\x.png"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_that_leave_the_archive_are_refused(tmp_path, name):
    with pytest.raises(NoInputError, match="points outside the archive"):
        ZipPictures(make(tmp_path / "a.zip", [("ok.png", png()), (name, png())]))


def test_a_bomb_is_refused_without_unpacking(tmp_path):
    path = make(tmp_path / "a.zip", [("zeros.png", bytes(30_000_000))], zipfile.ZIP_DEFLATED)
    start = time.perf_counter()
    with pytest.raises(NoInputError, match="unpacks to more than 100 times its size"):
        ZipPictures(path)
    assert time.perf_counter() - start < 1


def test_links_are_refused(tmp_path):
    info = zipfile.ZipInfo("link.png")
    info.external_attr = 0o120777 << 16
    with pytest.raises(NoInputError, match="is a link"):
        ZipPictures(make(tmp_path / "a.zip", [(info, b"/etc/passwd")]))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path):
    with pytest.raises(NoInputError, match="two members of one name"):
        ZipPictures(make(tmp_path / "a.zip", [("a.png", png()), ("a.png", png("blue"))]))


def test_encrypted_members_are_refused(tmp_path):
    path = make(tmp_path / "a.zip", [("a.png", png())])
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(NoInputError, match="is encrypted"):
        ZipPictures(path)


def test_a_directory_of_gigabytes_is_refused_unread(tmp_path):
    path = make(tmp_path / "a.zip", [("a.png", png())])
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, data.rindex(b"PK\x05\x06") + 12, 2_000_000_000)
    path.write_bytes(data)
    with pytest.raises(NoInputError, match="damaged"):
        ZipPictures(path)


def test_a_damaged_member_is_one_bad_picture(tmp_path):
    path = make(tmp_path / "a.zip", [("a.png", png()), ("b.png", png("blue"))])
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 8] ^= 0xFF  # the checksum of the member no longer fits
    path.write_bytes(data)
    pictures = ZipPictures(path)
    with pytest.raises(InputError, match=r"a\.png in .* is damaged"):
        pictures[0]
    assert pictures[1]["images"][:, 0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(100)])
def test_no_zip_at_all(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(NoInputError, match="no zip, or a damaged one"):
        ZipPictures(tmp_path / "a.zip")


def test_missing_and_empty_zips(tmp_path):
    with pytest.raises(NoInputError, match="does not exist"):
        ZipPictures(tmp_path / "none.zip")
    with pytest.raises(NoInputError, match="holds no pictures"):
        ZipPictures(make(tmp_path / "a.zip", [("a.txt", b"x")]))


def test_a_path_is_opened_as_what_it_is(packed, style_folder):
    assert isinstance(open_pictures(packed), ZipPictures)
    assert isinstance(open_pictures(style_folder), FolderPictures)
