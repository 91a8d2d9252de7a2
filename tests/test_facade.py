"""Three lines of Python to train, to generate, to paint, to evaluate."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import pytest
from PIL import Image

import ganstyle
from ganstyle.errors import NoInputError, UsageError

TINY = {"train.resolution": 16, "train.batch": 8, "arch.base_channels": 4, "arch.z_dim": 8}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of three steps on the embedded paintings."""
    return ganstyle.train(images=24, options=TINY, runs=tmp_path_factory.mktemp("runs"))


def test_importing_the_package_imports_no_torch():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, ganstyle; print('torch' in sys.modules)"], capture_output=True
    )
    assert done.stdout == b"False\n"


def test_training_leaves_a_run_with_its_whole_configuration(trained):
    config = json.loads((trained.folder / "config.json").read_text())
    assert (trained.images, config["arch"]["z_dim"], config["train"]["resolution"]) == (24, 8, 16)
    assert trained.model.is_file()


def test_equal_seeds_give_equal_pictures_whatever_the_count(trained):
    few, many = ganstyle.generate(trained.folder, count=3, seed=5), ganstyle.generate(trained.folder, count=20, seed=5)
    other = ganstyle.generate(trained.model, count=3, seed=6)
    assert few.equal(many[:3]) and not few.equal(other)


def test_pictures_compared_with_themselves_have_no_distance(trained):
    pictures = ganstyle.generate(trained.folder, count=4)
    (score,) = ganstyle.evaluate(pictures, pictures, metrics=["fd_efficientnet_lite0"])
    assert score.value == pytest.approx(0, abs=1e-6)


def test_places_are_what_the_command_line_takes(trained, tmp_path):
    pictures = ganstyle.generate(trained.folder, count=3)
    (tmp_path / "made").mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(tmp_path / "made" / f"{number}.png")
    with zipfile.ZipFile(tmp_path / "real.zip", "w") as archive:
        for file in sorted((tmp_path / "made").iterdir()):
            archive.write(file, file.name)
    (score,) = ganstyle.evaluate(tmp_path / "made", tmp_path / "real.zip", metrics=["kid_efficientnet_lite0"])
    assert (score.n_fake, score.n_real, score.error) == (len(pictures), len(pictures), "")


def test_pairs_may_name_styles(trained):
    pictures = ganstyle.generate(trained.folder, count=2).repeat_interleave(4, 2).repeat_interleave(4, 3)
    pairs = [(picture, picture, "night") for picture in pictures]
    works = {"night": list(pictures)}
    (score,) = ganstyle.evaluate(pictures, metrics=["colour_distance"], pairs=pairs, styles=works)
    assert score.value >= 0 and score.error == ""


def test_an_image_paired_with_itself_is_perfectly_similar(trained):
    pictures = ganstyle.generate(trained.folder, count=2)
    (score,) = ganstyle.evaluate(pictures, metrics=["ssim"], pairs=[(picture, picture) for picture in pictures])
    assert score.value == pytest.approx(1)


def test_components_are_listed_by_kind():
    assert {"dcgan", "progan"} <= {component.name for component in ganstyle.components("arch")}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: ganstyle.train(arch="dcgann"), UsageError),
        (lambda: ganstyle.train(options={"arch.z_dmi": 3}), UsageError),
        (lambda: ganstyle.generate("no/such/run"), NoInputError),
        (lambda: ganstyle.components("architecture"), UsageError),
        (lambda: ganstyle.evaluate([], metrics=["fidd"]), UsageError),
        (lambda: ganstyle.transfer("no.jpg", style="monnet"), UsageError),
    ],
)
def test_mistakes_are_told_by_the_right_error(call, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        call()
    assert not (tmp_path / "runs").exists()
