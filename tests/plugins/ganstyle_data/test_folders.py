"""Folders, zips and caches by their component names."""

from __future__ import annotations

import zipfile

import pytest
import torch
from PIL import Image

from ganstyle.data.cache import prepare
from ganstyle.errors import NoInputError, UsageError


@pytest.fixture
def styles(tmp_path):
    for name, colour in (("warm/a", "red"), ("warm/b", "orange"), ("cold/c", "blue")):
        path = tmp_path / "styles" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4), colour).save(path)
    return tmp_path / "styles"


def test_folder_zip_and_cache_hold_the_same(build, styles, tmp_path):
    folder = build("folder", path=str(styles))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in folder.files:
            archive.write(styles / name, name)
    prepare(folder, tmp_path / "cache", resolution=8)
    others = [
        build("zip", path=str(tmp_path / "a.zip")),
        build("cache", path=str(tmp_path / "cache")),
        build("folder", path=str(tmp_path / "cache")),  # recognised as the cache it is
    ]
    for other in others:
        assert other.styles == folder.styles == ["cold", "warm"] and len(other) == 3
        assert all(torch.equal(other[n]["images"], folder[n]["images"]) for n in range(3))
        assert [other[n]["labels"] for n in range(3)] == [0, 1, 1]


def test_one_style_or_no_labels(build, styles):
    assert len(build("folder", path=str(styles), style="warm")) == 2
    assert build("folder", path=str(styles), labels="none").styles == []


@pytest.mark.parametrize("name", ["folder", "zip", "cache"])
def test_a_missing_path_is_a_usage_error_and_a_missing_place_no_input(build, tmp_path, name):
    with pytest.raises(UsageError, match="needs a path"):
        build(name)
    with pytest.raises(NoInputError, match="does not exist"):
        build(name, path=str(tmp_path / "none"))


def test_an_unknown_style_or_option_names_what_there_is(build, styles):
    with pytest.raises(UsageError, match="did you mean 'warm'"):
        build("folder", path=str(styles), style="warn")
    with pytest.raises(UsageError, match="did you mean 'labels'"):
        build("folder", path=str(styles), label="none")


def test_every_component_describes_its_options_and_builds_no_torch_at_listing(registry):
    ours = {"embedded", "folder", "zip", "cache", "mnist", "cifar10", "image_folder"}
    assert ours <= set(registry.names("data"))
    for name in ours:
        model = registry.options_model(registry.get("data", name))
        assert all(field.description for field in model.model_fields.values())
        assert all(not field.is_required() for field in model.model_fields.values())
