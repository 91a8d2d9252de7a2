"""From what people write (recipe files, `--set`) to keys and values."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganstyle.api import parse_value
from ganstyle.config._draft import Assignment
from ganstyle.errors import UsageError

MAX_RECIPE_BYTES = 1_000_000


def flat(mapping: Mapping[str, Any]) -> list[Assignment]:
    """Split the keys of a mapping at their dots.

    Raises:
        UsageError: a key with an empty part.
    """
    return [(_split(str(key)), value) for key, value in mapping.items()]


def _split(key: str) -> tuple[str, ...]:
    path = tuple(part.strip() for part in key.split("."))
    if not all(path):
        raise UsageError(f"{key!r} is no key", where=key, hint="e.g. arch.z_dim, train.batch, metric.fid.images")
    return path


def parse_set(text: str) -> Assignment:
    """Read `KEY=VALUE`; the value is a TOML literal, else text.

    Raises:
        UsageError: no equals sign, or a key with an empty part.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: expected KEY=VALUE", where="--set", hint="e.g. --set train.batch=16")
    return _split(key), parse_value(value.strip())


def read_recipe(recipe: str | os.PathLike[str]) -> Mapping[str, Any]:
    """Read a TOML file, or a JSON file such as a run's configuration.

    Raises:
        UsageError: no such file, unreadable, too large, nested too deeply, or not valid.
    """
    path = Path(recipe)
    try:
        if not path.is_file():
            raise UsageError(f"there is no recipe {str(path)!r}", where=str(path), hint="-c takes a TOML file")
        with path.open("rb") as file:
            data = file.read(MAX_RECIPE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"can't read the recipe: {error.strerror}", where=str(path)) from None
    if len(data) > MAX_RECIPE_BYTES:
        raise UsageError(f"the recipe is larger than {MAX_RECIPE_BYTES:,} bytes", where=str(path))
    return _parse(data, path)


def _parse(data: bytes, path: Path) -> Mapping[str, Any]:
    try:
        text = data.decode()
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except RecursionError:
        raise UsageError("the recipe is nested too deeply", where=str(path)) from None
    except ValueError as error:  # not UTF-8, not TOML, or an absurdly long number
        raise UsageError(f"the recipe is not valid: {error}", where=str(path), hint='e.g. arch = "dcgan"') from None
    if not isinstance(document, Mapping):
        raise UsageError("the recipe is no table", where=str(path))
    return document
