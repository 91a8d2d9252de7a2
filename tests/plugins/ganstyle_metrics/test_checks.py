"""Lines of `ganstyle doctor`."""

from __future__ import annotations

import ganstyle_metrics
import pytest
from ganstyle_metrics.weights_table import INCEPTION, WEIGHTS_FILES

from ganstyle.registry import load_registry


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GANSTYLE_WEIGHTS_DIR", str(tmp_path))


def lines():
    return {what: (ok, remedy) for what, ok, remedy in ganstyle_metrics.ganstyle_checks()}


def test_every_missing_file_is_a_line_with_its_exact_place(tmp_path):
    found = lines()
    assert len(found) == len(WEIGHTS_FILES)
    for file in WEIGHTS_FILES:
        ok, remedy = found[f"weights of {file.name}"]
        assert not ok and file.url in remedy and str(tmp_path / file.files[0]) in remedy and file.users[0] in remedy
        assert f"--weights {file.key}=FILE" in remedy


def test_a_present_file_is_ok_and_a_truncated_one_is_said(tmp_path):
    what = f"weights of {INCEPTION.name}"
    with open(tmp_path / INCEPTION.files[1], "wb") as file:
        file.truncate(INCEPTION.size - 1)
    ok, remedy = lines()[what]
    assert not ok and "95,628,358 of 95,628,359 bytes" in remedy
    with open(tmp_path / INCEPTION.files[1], "wb") as file:
        file.truncate(INCEPTION.size)
    assert lines()[what] == (True, "")


def test_files_have_names_of_their_own_and_users_that_exist():
    names = set(load_registry(plugins=False).names("metric"))
    assert (
        len({file.key for file in WEIGHTS_FILES}) == len({file.sha256 for file in WEIGHTS_FILES}) == len(WEIGHTS_FILES)
    )
    for file in WEIGHTS_FILES:
        assert set(file.users) <= names
        assert file.licence in {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT"}


def test_every_metric_has_its_own_name():
    names = [component.name for component in ganstyle_metrics.ganstyle_components()]
    assert sorted(names) == sorted(set(names))
    assert {"fid", "is", "kid", "ssim", "psnr", "fd_efficientnet_lite0"} <= set(names)
