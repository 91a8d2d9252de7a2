"""Two folders, or one of sub-folders; and what is no such thing."""

from __future__ import annotations

import shutil

import pytest
import torch
from ganstyle_translation.data import Domains, DomainsOptions, Unpaired, UnpairedOptions

from ganstyle.errors import InputError, NoInputError, UsageError


def unpaired(folders, **options):
    values = {"path": str(folders / "photos"), "styles": str(folders / "works")} | options
    return Unpaired(UnpairedOptions(**values), "train")


def red(image):
    return float(image[0].float().mean() - image[1].float().mean())


def test_items_hold_a_photograph_and_a_work(folders):
    data = unpaired(folders)
    assert (len(data), data.sides) == (3, ["photos", "works"])
    for index in range(3):
        item = data[index]
        assert abs(red(item["images"])) < 10 < 150 < red(item["style"])
        assert item["images"].dtype == torch.uint8 and item["images"].shape == (3, 40, 48)


def test_every_work_is_drawn_and_equal_generators_draw_alike(folders):
    data = unpaired(folders)
    means = {float(data.sample(0, torch.Generator().manual_seed(seed))["style"].float().mean()) for seed in range(20)}
    assert len(means) == 2
    assert torch.equal(data[1]["style"], data[1]["style"])


def test_large_pictures_are_shrunk_once(folders):
    data = unpaired(folders, short_side=20)
    assert data[0]["images"].shape == (3, 20, 24)
    assert data.photos.picture(0) is data.photos.picture(0)


def test_one_picture_on_each_side_will_do(folders):
    data = unpaired(folders, path=str(folders / "photos" / "1.png"), styles=str(folders / "works" / "0.png"))
    assert (len(data), data.sides) == (1, ["1", "0"])


def test_the_layout_of_the_papers_data_sets_holds_both_sides(folders):
    for side, name in (("A", "photos"), ("B", "works")):
        shutil.copytree(folders / name, folders / "both" / f"train{side}")
    data = Unpaired(UnpairedOptions(path=str(folders / "both")), "train")
    assert (len(data), data.sides) == (3, ["trainA", "trainB"])
    assert red(data[0]["style"]) > 150
    assert len(Unpaired(UnpairedOptions(path=str(folders / "both")), "test")) == 3  # no testA: the same


def test_without_folders_there_are_the_embedded_pictures():
    data = Unpaired(UnpairedOptions(), "train")
    assert len(data) == 5
    assert data.sides == ["photos", "monet"]


def test_one_folder_alone_is_refused_with_the_command_that_works(folders):
    with pytest.raises(UsageError, match="one folder alone") as caught:
        Unpaired(UnpairedOptions(path=str(folders / "photos")), "train")
    assert caught.value.hint == "ganstyle train --arch cut --data PHOTOS --set data.styles=PAINTINGS"


@pytest.mark.parametrize(("where", "message"), [("nowhere", "does not exist"), ("empty", "no picture in")])
@pytest.mark.parametrize("side", ["path", "styles"])
def test_a_missing_or_empty_folder_is_named(folders, side, where, message):
    (folders / "empty").mkdir()
    with pytest.raises(NoInputError, match=f"{message}") as caught:
        unpaired(folders, **{side: str(folders / where)})
    assert where in caught.value.where


def test_a_bad_work_is_passed_over_and_a_bad_photograph_is_told(folders):
    (folders / "works" / "0.png").write_bytes(b"not a picture")
    (folders / "photos" / "0.png").write_bytes(b"not a picture")
    data = unpaired(folders)
    assert all(red(data.sample(1, torch.Generator().manual_seed(seed))["style"]) > 150 for seed in range(6))
    with pytest.raises(InputError):
        data[0]


def test_works_that_can_all_not_be_read_are_told(folders):
    for path in (folders / "works").iterdir():
        path.write_bytes(b"not a picture")
    with pytest.raises(InputError):
        unpaired(folders)[0]


def test_the_goal_is_the_works_alone(folders):
    goal = unpaired(folders).goal
    assert len(goal) == len(goal.files) == 2
    assert all(red(goal[index]["images"]) > 150 for index in range(2))


def test_the_fingerprint_changes_with_either_side(folders):
    first = unpaired(folders).fingerprint()
    shutil.copy(folders / "works" / "0.png", folders / "works" / "new.png")
    second = unpaired(folders).fingerprint()
    shutil.copy(folders / "works" / "0.png", folders / "photos" / "new.png")
    assert len({first, second, unpaired(folders).fingerprint()}) == 3


def domains(folders):
    return Domains(DomainsOptions(path=str(folders)), "train")


def test_sub_folders_are_domains_drawn_alike_often(folders):
    data = domains(folders)
    assert (len(data), data.styles, len(data.files)) == (5, ["photos", "works"], 5)
    items = [data.sample(0, torch.Generator().manual_seed(seed)) for seed in range(60)]
    labels = [item["label"] for item in items]
    assert 15 < sum(labels) < 45
    for item in items:
        assert (red(item["style"]) > 150) == (red(item["other"]) > 150) == (item["label"] == 1)


def test_one_domain_is_not_enough(folders):
    with pytest.raises(NoInputError, match="two sub-folders or more, found none"):
        domains(folders / "photos")
    shutil.rmtree(folders / "works")
    with pytest.raises(NoInputError, match="found photos") as caught:
        domains(folders)
    assert "a sub-folder for each kind of picture" in caught.value.hint


def test_an_empty_domain_and_a_missing_folder_are_named(folders):
    (folders / "void").mkdir()
    with pytest.raises(NoInputError, match=r"no picture in .*void"):
        domains(folders)
    with pytest.raises(NoInputError, match="is no folder"):
        domains(folders / "nowhere")


def test_a_new_picture_changes_the_fingerprint_of_the_domains(folders):
    before = domains(folders).fingerprint()
    shutil.copy(folders / "works" / "0.png", folders / "works" / "new.png")
    assert domains(folders).fingerprint() != before
