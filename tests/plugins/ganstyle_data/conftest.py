"""The registry's way to a data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ganstyle.registry import load_registry


@pytest.fixture(scope="session")
def registry():
    """The built-in components."""
    return load_registry(plugins=False)


@pytest.fixture
def build(registry) -> Callable[..., Any]:
    """Build a data set by name: `build("folder", path="...")`."""

    def make(name: str, split: str = "train", **options: Any) -> Any:
        return registry.build("data", name, options, split)

    return make
