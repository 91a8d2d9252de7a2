"""Which model is meant, and where results go."""

from __future__ import annotations

import pytest
from untrained import write_run

from ganstyle.cli.places import opened, place_of
from ganstyle.errors import NoInputError


def test_without_a_source_it_is_the_newest_run_with_a_folder_of_its_own(tmp_path):
    for number in (1, 10, 9):
        write_run(tmp_path / f"{number:04d}-dcgan")
    newest = tmp_path / "0010-dcgan"
    assert place_of(None, runs=tmp_path, out=None, name="generated") == (newest, newest / "generated")
    with pytest.raises(NoInputError):
        place_of(None, runs=tmp_path / "none", out=None, name="generated")


def test_results_of_a_file_lie_beside_it_unless_a_folder_is_named(tmp_path):
    file = write_run(tmp_path / "0001-dcgan") / "model.safetensors"
    assert place_of(file, runs=tmp_path, out=None, name="projected") == (file, file.parent / "projected")
    assert place_of(file, runs=tmp_path, out=tmp_path / "x", name="projected") == (file, tmp_path / "x")
    assert opened(file, "cpu").card.images_seen == 7
