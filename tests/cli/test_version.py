"""`ganstyle version`."""

from __future__ import annotations

import json
from importlib import metadata


def test_versions_come_from_the_installed_packages(run_cli):
    versions = json.loads(run_cli("version", "--json").out)["versions"]
    assert versions["torch"] == metadata.version("torch")


def test_a_package_that_is_missing_is_said(run_cli, monkeypatch):
    monkeypatch.setattr("ganstyle.cli.version._SHOWN", ("no_such_package",))
    assert "no_such_package not installed" in run_cli("version").out
