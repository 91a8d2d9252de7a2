"""A torchvision that doesn't fit its torch is named before it breaks anything."""

from __future__ import annotations

import importlib
import sys

import pytest

from ganstyle.errors import EnvironmentProblem
from ganstyle.nn import installation


@pytest.fixture
def torchvision_of(tmp_path, monkeypatch):
    """Put another torchvision first on the path: its source, and what it requires."""
    before = {name: part for name, part in sys.modules.items() if name.split(".")[0] == "torchvision"}

    def install(source: str, requires: str = "") -> None:
        (tmp_path / "torchvision.py").write_text(source)
        info = tmp_path / "torchvision-0.99.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torchvision\nVersion: 0.99.0+cpu\n{requires}")
        for name in before:
            del sys.modules[name]
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()

    yield install
    sys.modules.pop("torchvision", None)
    sys.modules.update(before)


def test_the_installed_pair_has_no_problem():
    assert installation.torch_problem() == installation.torchvision_problem() == ""
    installation.require_torchvision()


def test_a_mismatch_names_both_versions_and_the_pair_to_install(torchvision_of):
    torchvision_of("raise RuntimeError('operator torchvision::nms does not exist')", "Requires-Dist: torch==9.9.0\n")
    with pytest.raises(EnvironmentProblem) as caught:
        installation.require_torchvision()
    torch_version = installation.installed_version("torch")
    expected = (
        f"torchvision 0.99.0+cpu doesn't work with torch {torch_version} (operator torchvision::nms does not exist)"
    )
    assert caught.value.message == expected
    assert caught.value.hint == 'pip install --force-reinstall "torch==9.9.0" "torchvision==0.99.0"'


def test_without_a_pinned_torch_both_are_upgraded(torchvision_of):
    torchvision_of("raise ImportError('undefined symbol')", "Requires-Dist: torch>=2\n")
    assert installation.torchvision_problem().endswith("run: pip install --upgrade --force-reinstall torch torchvision")


def test_a_package_that_is_not_installed_has_no_version():
    assert installation.installed_version("no-such-distribution-of-ours") == ""
    problem = installation._import_problem("no_such_module_of_ours", remedy="pip install it")
    assert problem == "no_such_module_of_ours is not installed; run: pip install it"
