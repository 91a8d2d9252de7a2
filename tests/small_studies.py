"""Small studies and raters made up for tests."""

from __future__ import annotations

import secrets
from random import Random

import numpy as np
import pytest
from PIL import Image

from ganstyle.study.design import Design, Study
from ganstyle.study.making import Wishes, build_study
from ganstyle.study.matching import match
from ganstyle.study.page import study_page
from ganstyle.study.votes import Ballot, Rater, Vote


def save_picture(path, *, seed=0, size=(40, 30)):
    """Write a picture of seeded soft colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def folders(tmp_path):
    """Folders `ours` and `theirs` of six pictures each, `p0.png` to `p5.png`."""
    for number, method in enumerate(("ours", "theirs")):
        for item in range(6):
            size = (40, 30) if item % 2 else (30, 40)
            save_picture(tmp_path / method / f"p{item}.png", seed=10 * item + number, size=size)
    return [str(tmp_path / method) for method in ("ours", "theirs")]


@pytest.fixture
def study(folders) -> Study:
    """Two methods on six pictures: 6 pairs, 2 repeats, 3 checks."""
    return build_study(match(folders), Wishes(question="Which is better?", repeats=2, checks=3))


@pytest.fixture
def page(study, tmp_path):
    """The study's page as a file."""
    path = tmp_path / "study.html"
    path.write_bytes(study_page(study))
    return path


def design_of(methods=2, items=6, **changes) -> Design:
    """A design without pictures."""
    facts = {
        "question": "Which is better?",
        "methods": tuple(f"m{index}" for index in range(methods)),
        "items": tuple(f"p{index}" for index in range(items)),
        "pairs": items * methods * (methods - 1) // 2,
        "repeats": 0,
        "checks": 0,
        "damaged": 0,
        "ties": True,
        "seed": 0,
    }
    return Design(**(facts | changes))


def vote(trial, item, left, right, choice, *, kind="pair", ms=2000) -> Vote:
    return Vote(trial=trial, kind=kind, item=item, left=left, right=right, choice=choice, ms=ms, time="2026-01-02")


def rater_of(answers, *, name="", key=None, planned=None, revision=None) -> Rater:
    """A rater from (item, left, right, choice[, kind]) tuples, in order."""
    votes = tuple(
        vote(trial, *answer[:4], kind=answer[4] if len(answer) > 4 else "pair") for trial, answer in enumerate(answers)
    )
    return Rater(
        rater=key or secrets.token_hex(16),
        name=name,
        started="2026-01-02",
        planned=len(votes) if planned is None else planned,
        revision=len(votes) if revision is None else revision,
        votes=votes,
    )


def ballot_of(*raters, design, study="0" * 16) -> Ballot:
    return Ballot(format="ganstyle-votes", version=1, study=study, design=design, raters=raters)


def rater_of_taste(design, chance, random: Random, **facts) -> Rater:
    """A rater who prefers the lower-numbered method with this chance, sides at random."""
    answers = []
    for item in range(len(design.items)):
        flip, wins = random.random() < 0.5, random.random() < chance
        answers.append((item, *((1, 0) if flip else (0, 1)), "left" if wins != flip else "right"))
    return rater_of(answers, **facts)
