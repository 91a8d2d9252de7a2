"""`--save-reference`: statistics that stand for the real pictures afterwards."""

from __future__ import annotations

import json

import pytest
from PIL import Image

METRIC = ("--metric", "fd_efficientnet_lite0")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Three plain pictures on each side, of different shades."""
    monkeypatch.chdir(tmp_path)
    for folder, shift in (("fake", 0), ("real", 40)):
        (tmp_path / folder).mkdir()
        for number in range(3):
            shade = 60 * number + shift
            Image.new("RGB", (32, 32), (shade, 90, 255 - shade)).save(tmp_path / folder / f"{number}.png")
    return tmp_path


def values(done):
    return [score["value"] for score in json.loads(done.out)["scores"]]


def test_the_file_gives_the_value_that_the_pictures_gave(places, run_cli):
    made = run_cli("eval", "fake", "real", *METRIC, "--save-reference", "real.npz", "--json")
    assert (made.code, json.loads(made.out)["reference"]) == (0, "real.npz")
    again = run_cli("eval", "fake", "real.npz", *METRIC, "--json")
    assert values(again) == pytest.approx(values(made), rel=1e-6)
    assert "reference: other.npz" in run_cli("eval", "fake", "real", *METRIC, "--save-reference", "other.npz").out


def test_nothing_is_overwritten(places, run_cli):
    (places / "real.npz").write_bytes(b"mine")
    done = run_cli("eval", "fake", "real", *METRIC, "--save-reference", "real.npz")
    assert done.code == 2 and "real.npz exists" in done.err
    assert (places / "real.npz").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--metric", "fid,kid", "--save-reference", "a.npz"), "2 metrics are asked for (fid, kid)"),
        ((*METRIC, "--save-reference", "a.txt"), "a.txt does not end in .npz"),
        (("--metric", "kid_efficientnet_lite0", "--save-reference", "a.npz"), "keeps no mean and covariance"),
    ],
)
def test_what_has_no_statistics_is_refused(places, run_cli, words, message):
    done = run_cli("eval", "fake", "real", *words)
    assert done.code == 2 and message in done.err
    assert not (places / "a.npz").exists()


def test_pairs_have_no_reference_to_save(places, run_cli):
    done = run_cli("eval", "--pairs", "fake", "real", "--metric", "ssim", "--save-reference", "a.npz")
    assert done.code == 2 and "belongs to two sets" in done.err
