"""The data set: draws from the generator alone, by the folders' shares."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.content_style import ContentStyleOptions, build_content_style
from PIL import Image

from ganstyle.errors import NoInputError, UsageError
from ganstyle.testing import check_dataset

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255)}


@pytest.fixture
def folders(tmp_path):
    for name, colour in COLOURS.items():
        (tmp_path / name / "deep").mkdir(parents=True)
        Image.new("RGB", (90, 70), colour).save(tmp_path / name / "deep" / "work.png")
    (tmp_path / "photos").mkdir()
    for index in range(41):
        Image.new("RGB", (60, 50), (index, 100, 0)).save(tmp_path / "photos" / f"{index:02d}.png")
    return tmp_path


@pytest.fixture
def make_dataset(folders):
    def make(split="train", **options):
        found = {"photos": str(folders / "photos"), "styles": tuple(str(folders / name) for name in COLOURS)}
        return build_content_style(ContentStyleOptions(**found | {"crop": 32} | options), split)

    return make


def draw(dataset, index=0, seed=0):
    return dataset.sample(index, torch.Generator().manual_seed(seed))


def test_the_kit_passes(folders):
    photos, styles = str(folders / "photos"), (str(folders / "red"),)
    check_dataset(build_content_style, {"photos": photos, "styles": styles, "crop": 32})


def test_an_item_holds_a_photo_and_two_crops_of_one_work(make_dataset):
    item = draw(make_dataset())
    assert {key: (value.dtype, tuple(value.shape)) for key, value in item.items()} == dict.fromkeys(
        ("images", "style", "other"), (torch.uint8, (3, 32, 32))
    )
    assert torch.equal(item["style"], item["other"])  # works of one colour
    assert item["images"][1].unique().tolist() == [100]


def test_equal_generators_give_equal_items(make_dataset):
    dataset = make_dataset()
    for key, value in draw(dataset, seed=5).items():
        assert torch.equal(value, draw(dataset, seed=5)[key])


def test_folders_are_drawn_by_their_shares(make_dataset):
    dataset = make_dataset(weights=(3.0, 1.0))
    red = sum(int(draw(dataset, seed=seed)["style"][0, 0, 0]) == 255 for seed in range(200))
    assert red == pytest.approx(150, abs=20)


def test_a_folder_of_weight_zero_is_never_drawn(make_dataset):
    dataset = make_dataset(weights=(0.0, 1.0))
    assert all(int(draw(dataset, seed=seed)["style"][0, 0, 0]) == 0 for seed in range(50))


def test_the_splits_share_no_photo_and_lose_none(make_dataset):
    train, held_out = make_dataset("train").files, make_dataset("test").files
    assert (len(train), len(held_out)) == (38, 3)
    assert not set(train) & set(held_out)


def test_weights_that_do_not_fit_are_refused(make_dataset):
    for weights in ((1.0,), (0.0, 0.0), (1.0, -1.0)):
        with pytest.raises(UsageError, match="numbers for 2 style folders"):
            make_dataset(weights=weights)


def test_a_folder_without_pictures_is_named(make_dataset, folders):
    (folders / "empty").mkdir()
    with pytest.raises(NoInputError, match=r"no picture in .*empty"):
        make_dataset(styles=(str(folders / "empty"),))


def test_the_fingerprint_follows_options_and_files(make_dataset, folders):
    first = make_dataset().fingerprint()
    assert make_dataset().fingerprint() == first
    assert make_dataset(crop=48).fingerprint() != first
    Image.new("RGB", (70, 70)).save(folders / "red" / "another.png")
    assert make_dataset().fingerprint() != first


def test_without_folders_the_embedded_pictures_are_used():
    dataset = build_content_style(ContentStyleOptions(crop=64), "train")
    assert len(dataset) > 0
    assert draw(dataset)["style"].shape == (3, 64, 64)
