"""Fixtures of the tests of studies."""

from __future__ import annotations

from small_studies import folders, page, study  # noqa: F401  fixtures
