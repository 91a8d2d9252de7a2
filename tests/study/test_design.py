"""A study survives its page unchanged; anything else in its place is refused in our words."""

from __future__ import annotations

import json
import re

import pytest
from pydantic import ValidationError
from small_studies import design_of

from ganstyle.errors import InputError
from ganstyle.study.design import make_study, read_study

PICTURE = "data:image/webp;base64,AAAA"


def test_a_study_is_read_back_from_its_page(study, page):
    assert read_study(page) == study


def test_the_id_is_of_the_contents(study):
    facts = {"shown": list(study.shown), "damaged": list(study.damaged)}
    assert make_study(study.design, pictures=list(study.pictures), **facts).id == study.id
    other = [study.pictures[1], study.pictures[0], *study.pictures[2:]]
    assert make_study(study.design, pictures=other, **facts).id != study.id


def test_a_study_changed_after_it_was_made_is_refused(page):
    page.write_text(page.read_text().replace('"methods":["ours"', '"methods":["mine"'))
    with pytest.raises(InputError, match="was changed after it was made"):
        read_study(page)


def test_a_cut_page_is_refused(page):
    content = page.read_bytes()
    page.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="is no study"):
        read_study(page)


@pytest.mark.parametrize(
    "data", ["{}", "[" * 100_000, '{"id": 1}', "nonsense", '{"id": "' + "0" * 16 + '", "design": {}}']
)
def test_nonsense_in_place_of_a_study_is_refused(page, data):
    changed = re.sub(r'(type="application/json">).*?(</script>)', lambda m: m[1] + data + m[2], page.read_text())
    page.write_text(changed)
    with pytest.raises(InputError, match="is damaged"):
        read_study(page)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.html can't be read"):
        read_study(tmp_path / "no.html")


@pytest.mark.parametrize(
    "changes",
    [
        {"pairs": 7},
        {"repeats": 4},
        {"checks": 2},
        {"damaged": 1},
        {"methods": 1, "pairs": 1},
        {"question": ""},
        {"items": 0, "pairs": 1},
        {"seed": -1},
        {"ties": 1},
        {"more": 1},
    ],
)
def test_impossible_designs_are_refused(changes):
    with pytest.raises(ValidationError):
        design_of(**changes)


def test_a_study_that_lacks_pictures_is_refused(study):
    facts = {"damaged": list(study.damaged), "pictures": list(study.pictures)}
    with pytest.raises(ValueError, match="pictures are missing"):
        make_study(study.design, shown=list(study.shown[1:]), **facts)
    with pytest.raises(ValueError, match="pictures are missing"):
        make_study(study.design, shown=list(study.shown), damaged=list(study.damaged), pictures=[PICTURE])


def test_a_picture_must_be_inside_the_page(study):
    outside = json.loads(study.model_dump_json())
    outside["pictures"][0] = "https://example.com/x.webp"
    with pytest.raises(ValidationError, match="pattern"):
        type(study).model_validate_json(json.dumps(outside))


def test_trials_are_pairs_repeats_and_checks(study):
    assert study.design.trials == 6 + 2 + 3
