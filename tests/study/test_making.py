"""From folders to a study: counts, defaults, seeds, and pictures that can't be read."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image
from small_studies import save_picture

from ganstyle.errors import NoInputError, UsageError
from ganstyle.study.making import QUESTION, QUESTION_OF_STYLE, Wishes, build_study, equal_candidates
from ganstyle.study.matching import match


def test_every_item_shows_each_methods_picture_once(study):
    assert study.design.methods == ("ours", "theirs") and len(study.shown) == 6
    assert len({index for item in study.shown for index in item.candidates}) == 12


def test_counts_follow_from_the_pairs(folders):
    design = build_study(match(folders), Wishes()).design
    assert (design.pairs, design.repeats, design.checks) == (6, 1, 3)  # all 6 pairs; one in six; at least three


def test_fewer_pairs_can_be_asked_for(folders):
    design = build_study(match(folders), Wishes(pairs=4, repeats=9, checks=0)).design
    assert (design.pairs, design.repeats, design.checks, design.damaged) == (4, 2, 0, 0)


def test_three_methods_make_three_pairs_of_an_item(folders, tmp_path):
    for item in range(6):
        save_picture(tmp_path / f"other/p{item}.png", seed=item + 100, size=(40, 30) if item % 2 else (30, 40))
    assert build_study(match([*folders, str(tmp_path / "other")]), Wishes(pairs=99)).design.pairs == 18


def test_equal_seeds_give_equal_studies(folders):
    matched = match(folders)
    one, same, other = (build_study(matched, Wishes(items=3, seed=seed)) for seed in (1, 1, 2))
    assert one == same and one.id != other.id and len(one.design.items) == 3


def test_a_picture_that_cant_be_read_leaves_its_item_out(folders):
    Path(folders[1], "p2.png").write_bytes(b"no picture")
    matched = match(folders)
    study = build_study(matched, Wishes())
    assert "p2" not in study.design.items and [name for name, _ in matched.left_out] == ["p2"]


def test_no_readable_item_is_an_error(folders):
    for item in range(6):
        Path(folders[0], f"p{item}.png").write_bytes(b"no picture")
    with pytest.raises(NoInputError, match="no item can be shown"):
        build_study(match(folders), Wishes())


def test_the_usual_question_depends_on_what_is_shown(folders, tmp_path):
    style = save_picture(tmp_path / "style.png")
    assert build_study(match(folders), Wishes()).design.question == QUESTION
    assert build_study(match(folders, style=style), Wishes()).design.question == QUESTION_OF_STYLE


def test_a_style_for_all_is_in_the_page_once(folders, tmp_path):
    study = build_study(match(folders, style=save_picture(tmp_path / "style.png", seed=7)), Wishes())
    assert len({item.style for item in study.shown}) == 1 and len(study.pictures) == 12 + 1 + study.design.damaged


def test_references_are_smaller_than_candidates(folders, tmp_path):
    content = tmp_path / "photos"
    for item in range(6):
        save_picture(content / f"p{item}.png", seed=item + 50, size=(300, 200))
    study = build_study(match(folders, content=content), Wishes(max_size=200))
    picture = base64.b64decode(study.pictures[study.shown[0].content].partition(",")[2])
    assert Image.open(io.BytesIO(picture)).size == (120, 80)  # 60 % of the limit


def test_checks_damage_pictures_of_the_study(study):
    assert len(study.damaged) == 3 and len({check.item for check in study.damaged}) == 3
    originals = {index for item in study.shown for index in item.candidates}
    assert not originals & {check.picture for check in study.damaged}


def test_a_question_that_is_too_long_is_said(folders):
    with pytest.raises(UsageError, match="question"):
        build_study(match(folders), Wishes(question="x" * 501))


def test_equal_pictures_of_two_methods_are_found(folders):
    Path(folders[0], "p3.png").write_bytes(Path(folders[1], "p3.png").read_bytes())
    assert equal_candidates(build_study(match(folders), Wishes())) == ["p3"]


def test_progress_is_told_for_each_item(folders):
    told = []
    build_study(match(folders), Wishes(), progress=lambda: told.append(1))
    assert len(told) == 6
