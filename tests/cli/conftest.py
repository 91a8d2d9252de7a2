"""Fixtures of the commands: a base model with known answers."""

from __future__ import annotations

from tiny_painter import painter  # noqa: F401  a fixture
