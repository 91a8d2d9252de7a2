"""The embedded data set."""

from __future__ import annotations

import pytest
import torch

from ganstyle.api import DatasetLike
from ganstyle.data.embedded import embedded_pictures, embedded_styles
from ganstyle.data.loading import Loader
from ganstyle.data.reading import read_image
from ganstyle.data.transforms import Preprocess
from ganstyle.errors import UsageError


def test_it_holds_the_paintings_with_their_styles(build):
    data = build("embedded")
    assert isinstance(data, DatasetLike) and data.styles == embedded_styles()
    paths = embedded_pictures()
    assert len(data) == len(paths)
    assert torch.equal(data[7]["images"], read_image(paths[7]))
    assert data.styles[data[7]["labels"]] == paths[7].parent.name


def test_one_style_or_the_photographs(build):
    hiroshige = build("embedded", style="hiroshige")
    assert set(hiroshige.styles) == {"hiroshige"} and len(hiroshige) >= 8
    photos = build("embedded", part="photos")
    assert photos.styles == [] and len(photos) == len(embedded_pictures("photos"))


def test_unknown_styles_and_parts_are_usage_errors(build):
    with pytest.raises(UsageError, match="did you mean 'hiroshige'"):
        build("embedded", style="hiroshig")
    with pytest.raises(UsageError, match="part"):
        build("embedded", part="drawings")


def test_a_batch_for_training_has_contrast_and_every_style_turns_up(build):
    data = build("embedded")
    batch = next(Loader(data, Preprocess(None, 32), batch=len(data), seed=0))
    assert batch["images"].shape == (len(data), 3, 32, 32) and batch["images"].std() > 0.2
    assert set(batch["labels"].tolist()) == set(range(len(data.styles)))
