"""The recipe files of the documentation hold: every name and every option exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganstyle.config import config_to_dict, resolve, validate
from ganstyle.registry import default_registry

RECIPES = sorted((Path(__file__).parents[2] / "docs" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_file_names_what_exists(path):
    config = validate(resolve(default_registry(), recipe=path), default_registry())
    assert path.stem.startswith(config.arch.name) or config.arch.name in path.stem
    assert config_to_dict(resolve(default_registry(), recipe=config_to_dict(config))) == config_to_dict(config)
