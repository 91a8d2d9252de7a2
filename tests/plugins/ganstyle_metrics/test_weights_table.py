"""Which file a metric may use: the published one, or one that the options accept by its hash."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from ganstyle_metrics.weights_table import INCEPTION, WEIGHTS_FILES

from ganstyle.data.weights import WeightsOptions, chosen_weights, given_weights
from ganstyle.errors import EnvironmentProblem

CONTENT = b"a network"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KNOWN = dataclasses.replace(INCEPTION, sha256=DIGEST, size=len(CONTENT))


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("GANSTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("GANSTYLE_WEIGHTS_DIR", str(tmp_path))


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / KNOWN.files[1]
    path.write_bytes(CONTENT)
    return path


def test_the_published_file_is_found_under_each_of_its_names(stored):
    assert chosen_weights(KNOWN, WeightsOptions()) == (stored, DIGEST)


def test_another_file_is_used_only_if_its_hash_is_accepted(stored):
    with pytest.raises(EnvironmentProblem, match=DIGEST[:12]):
        chosen_weights(INCEPTION, WeightsOptions(weights=str(stored)))
    assert chosen_weights(INCEPTION, WeightsOptions(weights=str(stored), weights_sha256=DIGEST)) == (stored, DIGEST)


def test_a_file_given_by_name_goes_before_the_folders_and_after_an_option(stored, tmp_path):
    other, third = tmp_path / "other.pth", tmp_path / "third.pth"
    for path in (other, third):
        path.write_bytes(CONTENT)
    with given_weights({"inception": other}):
        assert chosen_weights(KNOWN, WeightsOptions())[0] == other
        assert chosen_weights(KNOWN, WeightsOptions(weights=str(third)))[0] == third


def test_the_error_says_how_to_name_a_file(tmp_path):
    with pytest.raises(EnvironmentProblem) as caught:
        chosen_weights(KNOWN, WeightsOptions())
    assert "--weights inception=PATH" in caught.value.hint and "--download" in caught.value.hint


@pytest.mark.parametrize("file", WEIGHTS_FILES, ids=lambda file: file.key)
def test_hashes_agree_with_those_in_file_names_and_sizes_are_plausible(file):
    stem = file.files[0].rsplit(".", 1)[0]
    tail = stem.rsplit("-", 1)[-1]
    if len(tail) == 8 and set(tail) <= set("0123456789abcdef"):  # torch.hub's way to name files
        assert file.sha256.startswith(tail)
    assert len(file.sha256) == 64 and file.size > 1_000_000 and file.url.startswith("https://")
