"""The report of an evaluation: everything is inside, nothing is executed, nothing is overwritten."""

from __future__ import annotations

import re

import pytest
import torch
from PIL import Image

from ganstyle.config import Selection
from ganstyle.engine.comparison import Comparison
from ganstyle.engine.comparison_report import write_comparison
from ganstyle.engine.eval_report import write_report
from ganstyle.engine.evaluation import Assessment
from ganstyle.engine.feature_cache import Facts
from ganstyle.engine.html_pages import Figures, escaped, page
from ganstyle.engine.image_sets import as_image_set
from ganstyle.engine.metric_jobs import Side
from ganstyle.engine.pair_sets import PairSet
from ganstyle.engine.scores import Score

FACTS = {"generated": "/somewhere/private/<b>out", "real": "photos", "seed": 3, "refused": [("x.png", "sizes differ")]}


def images(*shades, side=8):
    return torch.stack([torch.full((3, side, side), shade, dtype=torch.uint8) for shade in shades])


def assessment(scores, features=(None, None), pair_values=None):
    sides = {}
    for real, found in zip((False, True), features):
        count = 0 if found is None else len(found)
        facts = Facts({"8 x 8": count} if count else {})
        sides[real] = Side(facts, features={} if found is None else {"net:tap": found})
    return Assessment(scores, sides, pair_values or {})


SCORE = Score(
    "fd",
    "fd_net",
    1.5,
    n_fake=3,
    n_real=4,
    protocol="a <definition>",
    resize="antialias 8",
    weights_sha256="ab" * 32,
    interval=(1.0, 2.0),
    warnings=("only 3 images",),
)
FAILED = Score("fid", "fid", error="weights not found", hint="put them there", code=6)


@pytest.fixture
def written(tmp_path):
    """The text of a report of three generated and four real pictures, the last generated one a copy."""
    fake, real = torch.tensor([[0.0, 9], [5, 5], [1, 1]]), torch.tensor([[1.0, 1], [4, 0], [0, 4], [9, 9]])
    found = assessment([SCORE, FAILED], (fake, real))
    path = write_report(
        tmp_path / "r.html",
        found,
        fake=as_image_set(images(1, 2, 3)),
        real=as_image_set(images(4, 5, 6, 7)),
        facts=FACTS,
        metrics=[Selection("fd", {"k": 3}), Selection("fid")],
    )
    return path.read_text("utf-8")


def test_scores_come_with_protocol_interval_counts_and_weights(written):
    for text in ("fd_net", "1.5", "1 to 2", "3 against 4 images", "a &lt;definition&gt;; resize antialias 8", "abab"):
        assert text in written
    assert "only 3 images (fd_net)" in written
    assert "<li>fid: weights not found</li>" in written and "put them there" not in written
    assert "k = 3" in written and "torch" in written and "UTC" in written


def test_the_closest_neighbours_are_shown_with_the_copy_first(written):
    section = written.split("Nearest real pictures</h2>")[1].split("<h2>")[0]
    assert "1 of 3 are below 1" in section
    captions = re.findall(r'<p class="caption">([^<]*)</p>', section)
    assert captions[0] == "0.00" and len(captions) == 3
    names = re.findall(r"<figcaption>([^<]*)</figcaption>", section)
    assert names[:2] == ["number 3", "number 1"]


def test_nothing_is_loaded_and_no_name_becomes_code_or_tells_a_path(written):
    assert "private" not in written and "&lt;b&gt;out" in written and "<b>out" not in written
    assert not re.search(r'(src|href)="(?!data:)', written) and "<script" not in written
    assert "default-src &#x27;none&#x27;" in written or "default-src 'none'" in written
    assert escaped("\x1b[2J<img onerror>") == "[2J&lt;img onerror&gt;"


def test_an_existing_report_is_never_overwritten(tmp_path):
    (tmp_path / "r.html").write_text("mine")
    written = write_report(
        tmp_path / "r.html", assessment([SCORE]), fake=as_image_set(images(1, 2)), facts={}, metrics=[]
    )
    assert (tmp_path / "r.html").read_text() == "mine" and written.name == "r-2.html"


@pytest.fixture
def pairs(tmp_path):
    """Five pairs of which the third can't be scored."""
    files = []
    for number in range(5):
        names = [tmp_path / f"{side}{number}.png" for side in ("out", "in")]
        for name, shade in zip(names, (10 * number, 0)):
            Image.new("RGB", (4, 4), (shade,) * 3).save(name)
        files.append(tuple(names))
    Image.new("RGB", (5, 4)).save(files[2][0])
    found = PairSet(files)
    list(found)
    return found


def test_best_and_worst_pairs_follow_the_direction_and_the_places(tmp_path, pairs):
    score = Score("ssim", "ssim_g", 0.5, n_fake=4, paired=True, higher_is_better=True, counted="pairs")
    found = assessment([score], pair_values={"ssim_g": torch.tensor([0.3, 0.9, 0.1, 0.5])})
    path = write_report(tmp_path / "r.html", found, fake=pairs.images(), pairs=pairs, facts={}, metrics=[])
    section = path.read_text("utf-8").split("Pairs by ssim_g</h2>")[1].split("<h2>")[0]
    assert re.findall(r'<p class="caption">([^<]*)</p>', section) == ["0.9", "0.5", "0.1", "0.3"]
    assert re.findall(r"<figcaption>([^<]*)</figcaption>", section)[:2] == ["out1.png", "in1.png"]
    assert re.findall(r"<figcaption>([^<]*)</figcaption>", section)[4] == "out3.png"


def test_styles_are_shown_by_some_of_their_works(tmp_path, pairs):
    styles = {"monet": list(images(*range(9))), "x<y": list(images(1))}
    path = write_report(
        tmp_path / "r.html", assessment([SCORE]), fake=pairs.images(), styles=styles, facts={}, metrics=[]
    )
    section = path.read_text("utf-8").split("Styles</h2>")[1].split("<h2>")[0]
    assert section.count("data:image") == 3 + 1 and "x&lt;y" in section


def test_a_page_stops_growing():
    figures = Figures(left=300)
    noise = torch.randint(0, 256, (3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert figures.figure(images(1)[0], "a") != "" and figures.figure(noise) == ""


def test_a_comparison_shows_values_panels_and_samples(tmp_path):
    comparison = Comparison(("one", "two"), ((SCORE,), (Score("fd", "fd_net", 3.0, n_fake=3, n_real=4),)))
    found = assessment([SCORE], (torch.zeros(3, 2), None))
    pictures = {name: (as_image_set(images(1, 2, 3)), found) for name in comparison.names}
    facts = {"places": {"one": "/private/runs/one", "two": "two"}, "real": None}
    text = write_comparison(tmp_path / "c.html", comparison, pictures=pictures, facts=facts).read_text("utf-8")
    assert "<b>1.5</b>" in text and "<b>3</b>" not in text and "/private" not in text
    assert text.count("<svg") == 1 and text.count("data:image/webp") == 6


def test_empty_sections_are_left_out():
    assert "<h2>b</h2>" not in page("t", {"a": "x", "b": ""})
