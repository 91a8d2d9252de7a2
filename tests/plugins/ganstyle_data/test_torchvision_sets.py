"""MNIST, CIFAR-10 and class folders, from tiny files; nothing is fetched unasked."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from ganstyle.errors import EnvironmentProblem, NoInputError, UsageError


def idx(array):
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_mnist(folder, part="train", count=5, compress=True):
    folder.mkdir(parents=True, exist_ok=True)
    images = np.arange(count * 28 * 28).reshape(count, 28, 28) % 251
    for name, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", np.arange(count) % 10)):
        path = folder / f"{part}-{name}{'.gz' if compress else ''}"
        path.write_bytes(gzip.compress(idx(array)) if compress else idx(array))
    return images


@pytest.mark.parametrize(("below", "compress"), [("", True), ("", False), ("MNIST/raw", True), ("MNIST/raw", False)])
def test_mnist_in_either_place_plain_or_packed(build, tmp_path, below, compress):
    images = write_mnist(tmp_path / below, compress=compress)
    data = build("mnist", root=str(tmp_path))
    item = data[3]
    assert len(data) == 5 and item["labels"] == 3 and data.styles == [str(n) for n in range(10)]
    assert item["images"].shape == (3, 28, 28)
    assert all(np.array_equal(channel, images[3]) for channel in item["images"])


def test_mnist_test_split_is_another_file(build, tmp_path):
    write_mnist(tmp_path)
    write_mnist(tmp_path, "t10k", count=2)
    assert len(build("mnist", "test", root=str(tmp_path))) == 2


def test_missing_files_are_named_with_their_place_and_the_remedy(build, tmp_path):
    with pytest.raises(EnvironmentProblem, match="train-images-idx3-ubyte, train-labels-idx1-ubyte") as caught:
        build("mnist", root=str(tmp_path))
    assert caught.value.code == 6 and str(tmp_path) in caught.value.message
    assert "--set data.download=true" in caught.value.hint
    with pytest.raises(EnvironmentProblem, match="data_batch_1"):
        build("cifar10", root=str(tmp_path))


def test_the_default_place_is_ganstyles_own_folder(build, tmp_path, monkeypatch):
    monkeypatch.setenv("GANSTYLE_HOME", str(tmp_path))
    write_mnist(tmp_path / "datasets")
    assert len(build("mnist")) == 5


HOSTILE_IDX = {
    "cut": idx(np.zeros((5, 28, 28)))[:-1],
    "longer": idx(np.zeros((5, 28, 28))) + b"\0",
    "floats": b"\0\0\x0d\x03" + struct.pack(">3I", 1, 28, 28) + bytes(4 * 784),
    "huge": struct.pack(">HBB3I", 0, 8, 3, 1 << 31, 1 << 31, 1 << 31),
    "short": b"\0\0",
    "flat": idx(np.zeros(7)),
}


@pytest.mark.parametrize("case", HOSTILE_IDX)
def test_damaged_idx_files_are_refused(build, tmp_path, case):
    write_mnist(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(HOSTILE_IDX[case]))
    with pytest.raises(NoInputError, match=r"can't be used|unexpected shapes"):
        build("mnist", root=str(tmp_path))


def test_a_gzip_bomb_is_unpacked_no_further_than_its_header_says(build, tmp_path):
    write_mnist(tmp_path)
    bomb = gzip.compress(idx(np.zeros((5, 28, 28))) + bytes(5_000_000))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(bomb)
    with pytest.raises(NoInputError, match="length does not fit"):
        build("mnist", root=str(tmp_path))


def test_fewer_labels_than_pictures_are_refused(build, tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(4))))
    with pytest.raises(NoInputError, match="5 pictures and 4 labels"):
        build("mnist", root=str(tmp_path))


@pytest.fixture
def cifar(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    for number, name in enumerate([f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]):
        records = [bytes([number]) + image.tobytes() for image in pixels]
        (folder / f"{name}.bin").write_bytes(b"".join(records))
    return tmp_path, pixels


def test_cifar10_binary_files(build, cifar):
    root, pixels = cifar
    data = build("cifar10", root=str(root))
    assert len(data) == 10 and [data[n]["labels"] for n in (0, 3, 9)] == [0, 1, 4]
    assert np.array_equal(data[1]["images"], pixels[1]) and data.styles[3] == "cat"
    assert len(build("cifar10", "test", root=str(root))) == 2


def test_a_cut_cifar10_file_is_refused(build, cifar):
    path = cifar[0] / "cifar-10-batches-bin" / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(NoInputError, match=r"data_batch_2\.bin is damaged"):
        build("cifar10", root=str(cifar[0]))


def test_the_pickles_of_cifar10_are_not_opened_unless_they_are_the_originals(build, tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch", "batches.meta"]:
        (folder / name).write_bytes(b"cposix\nsystem\n(S'touch executed'\ntR.")
    with pytest.raises(EnvironmentProblem, match="damaged or not the original"):
        build("cifar10", root=str(tmp_path))


def test_an_unreachable_network_is_an_environment_problem(build, tmp_path):
    with pytest.raises(EnvironmentProblem, match="could not be downloaded"):
        build("mnist", root=str(tmp_path), download=True)


@pytest.fixture
def classes(tmp_path):
    for part, names in (("train", ["cat/1", "cat/2", "dog/1"]), ("val", ["dog/9", "cat/8"])):
        for name in names:
            path = tmp_path / part / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (5, 4), (len(name), 0, 9)).save(path)
    (tmp_path / "train" / "cat" / "._1.png").write_bytes(b"x")
    return tmp_path


def test_class_folders_as_torchvision_finds_them(build, classes):
    data = build("image_folder", root=str(classes))
    assert data.styles == ["cat", "dog"] and data.files == ["cat/1.png", "cat/2.png", "dog/1.png"]
    assert [data[n]["labels"] for n in range(3)] == [0, 0, 1] and data[0]["images"].shape == (3, 4, 5)
    assert build("image_folder", "test", root=str(classes)).files == ["cat/8.png", "dog/9.png"]


def test_a_class_without_pictures_keeps_its_number(build, classes):
    (classes / "train" / "bird").mkdir()
    data = build("image_folder", root=str(classes))
    assert data.styles == ["bird", "cat", "dog"] and data[0]["labels"] == 1


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir(), lambda path: (path / "a").mkdir(parents=True)]
)
def test_nothing_to_find_is_no_input(build, tmp_path, make):
    make(tmp_path / "data")
    with pytest.raises(NoInputError):
        build("image_folder", root=str(tmp_path / "data"))


def test_a_class_folder_set_can_not_be_fetched(build, tmp_path):
    with pytest.raises((EnvironmentProblem, UsageError), match="no public place"):
        build("image_folder", root=str(tmp_path), download=True)


def test_a_torchvision_that_does_not_fit_is_explained(build, classes, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torchvision", None)
    with pytest.raises(EnvironmentProblem, match="torchvision") as caught:
        build("image_folder", root=str(classes))
    assert "pip install" in caught.value.hint
