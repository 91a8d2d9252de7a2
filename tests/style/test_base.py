"""Where the base model comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_painter import Painter

from ganstyle.api import Architecture
from ganstyle.errors import EnvironmentProblem, ModelError, UsageError
from ganstyle.style.base import base_of, base_records, fingerprint, load_base, resource_path, weights_path


def test_a_plugin_brings_its_weights_by_its_record(painter: Painter) -> None:
    assert [record.name for record in base_records(painter.registry)] == ["moments"]
    assert weights_path(None, painter.registry) == painter.folder / "weights" / "moments.safetensors"
    assert weights_path("moments", painter.registry) == weights_path(None, painter.registry)


def test_a_resource_lies_in_its_package() -> None:
    assert resource_path("ganstyle.cli:app.py").is_file()


@pytest.mark.parametrize("resource", ["nothing", "package:/etc/passwd", "package:../x", "package:a/../b", ":x"])
def test_a_resource_cannot_leave_its_package(resource: str) -> None:
    with pytest.raises(ValueError, match="resource"):
        Architecture("a", "A sentence.", "package:build", weights=resource)


def test_missing_weights_are_an_environment_problem_that_names_the_file(painter: Painter) -> None:
    (painter.folder / "weights" / "moments.safetensors").unlink()
    with pytest.raises(EnvironmentProblem, match="no weights") as caught:
        load_base(registry=painter.registry)
    assert "moments.safetensors" in caught.value.where


def test_a_model_file_and_its_folder_are_accepted(painter: Painter) -> None:
    path = painter.folder / "weights" / "moments.safetensors"
    path.rename(path.with_name("model.safetensors"))
    for model in (path.with_name("model.safetensors"), path.parent):
        assert load_base(model, registry=painter.registry).sha256 == painter.base.sha256


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model") as caught:
        load_base(tmp_path)
    assert "run folder" in caught.value.hint


def test_an_unknown_base_model_is_met_with_a_suggestion(painter: Painter) -> None:
    with pytest.raises(UsageError, match="did you mean 'moments'"):
        load_base("moment", registry=painter.registry)


def test_a_model_that_paints_nothing_is_refused(painter: Painter, tmp_path: Path) -> None:
    from ganstyle.api import ImageSpec
    from ganstyle.engine.model import Card, Named, Shape, save_model

    options = {"base_channels": 4, "z_dim": 4}
    networks = painter.registry.build("arch", "dcgan", options, ImageSpec(16, 16))
    arch = Named(name="dcgan", options=options)
    card = Card(arch=arch, task=Named(name="gan"), loss=Named(name="bce"), image=Shape(height=16, width=16))
    save_model(tmp_path / "model.safetensors", networks, card)
    with pytest.raises(ModelError, match="no stylizer"):
        load_base(tmp_path, registry=painter.registry)


def test_the_fingerprint_sees_every_weight_and_not_the_file_format(painter: Painter) -> None:
    stylizer = painter.base.stylizer
    before = fingerprint(stylizer)
    assert fingerprint(stylizer.half().float()) == before  # ones are exact in float16
    with torch.no_grad():
        stylizer.scale += 0.5
    assert fingerprint(stylizer) != before
    assert base_of(stylizer, "moments", torch.device("cpu")).sha256 == fingerprint(stylizer)
