"""Several paintings of one photograph: their names, and how far variations go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ganstyle.errors import UsageError
from ganstyle.style.bank import Style
from ganstyle.style.card import StyleCard
from ganstyle.style.transfer import TransferOptions
from ganstyle.style.variants import CODE_JITTER, WORK_SHARE, variants_of, varied_style


def style(name: str = "monet", codes: np.ndarray | None = None) -> Style:
    return Style(StyleCard(name, "m", "00" * 32), np.linspace(-1, 2, 40, dtype=np.float32), codes)


def labels(*names: str, **lists: object) -> list[tuple[str, str]]:
    made = variants_of([(style(name),) for name in names], options=TransferOptions(), **lists)
    return [(variant.label, variant.caption) for variant in made]


def test_a_lone_value_does_not_show_in_the_name() -> None:
    assert labels("monet") == [("monet", "monet")]
    assert labels("monet", strengths=[0.3], stroke_sizes=[2.0]) == [("monet", "monet")]


def test_lists_show_in_names_and_captions() -> None:
    assert labels("monet", strengths=[0.3, 1]) == [("monet-s30", "strength 0.3"), ("monet-s100", "strength 1")]
    assert labels("a", "b", stroke_sizes=[2, None]) == [
        ("a-x2", "a strokes 2"), ("a-xauto", "a strokes auto"), ("b-x2", "b strokes 2"), ("b-xauto", "b strokes auto")
    ]  # fmt: skip


def test_a_setting_is_a_caption_without_the_style() -> None:
    made = variants_of([(style("a"),), (style("b"),)], options=TransferOptions(), strengths=[0.3, 1], variations=2)
    assert [variant.named for variant in made] == ["a"] * 4 + ["b"] * 4
    assert [variant.setting for variant in made[:2]] == ["strength 0.3, variation 1", "strength 0.3, variation 2"]
    assert made[4].caption == "b strength 0.3, variation 1"


def test_the_first_variation_is_the_plain_one() -> None:
    assert [label for label, _ in labels("monet", variations=3)] == ["monet", "monet-v2", "monet-v3"]


def test_values_reach_the_options_and_a_mask_makes_one_painting_of_all_styles() -> None:
    (variant,) = variants_of([(style("a"), style("b"))], options=TransferOptions(seed=4), strengths=[0.5])
    assert (variant.label, variant.options.strength, variant.options.seed) == ("a-b", 0.5, 4)
    assert [part.name for part in variant.styles] == ["a", "b"]


def test_labels_are_all_different() -> None:
    made = labels("a", "b", strengths=[0.25, 0.5], stroke_sizes=[0.5, 1], variations=3)
    assert len({label for label, _ in made}) == len(made) == 24


@pytest.mark.parametrize("count", [0, -1, 101])
def test_a_number_of_variations_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(UsageError, match="variations"):
        labels("a", variations=count)


def test_values_out_of_range_are_refused_before_anything_is_painted() -> None:
    with pytest.raises(UsageError, match="strength"):
        labels("a", strengths=[0.5, 2])
    with pytest.raises(UsageError, match="stroke size"):
        labels("a", stroke_sizes=[9])


def variation(number: int, *, seed: int = 0, codes: np.ndarray | None = None) -> tuple[np.ndarray, TransferOptions]:
    return varied_style(style(codes=codes), TransferOptions(variation=number, seed=seed, stroke_size=1.0))


def test_the_plain_variation_is_untouched() -> None:
    code, options = variation(1)
    assert np.array_equal(code, style().code)
    assert options == TransferOptions(stroke_size=1.0)


def test_equal_seeds_give_equal_variations_and_others_differ() -> None:
    first, same, other, reseeded = variation(2), variation(2), variation(3), variation(2, seed=9)
    assert np.array_equal(first[0], same[0])
    assert first[1] == same[1]
    for different in (other, reseeded):
        assert not np.array_equal(first[0], different[0])
        assert first[1].seed != different[1].seed


def test_a_variation_stays_near_the_style() -> None:
    for number in range(2, 12):
        code, options = variation(number)
        assert code.dtype == np.float32
        assert (np.abs(code - style().code) <= CODE_JITTER * np.abs(style().code) + 1e-6).all()
        assert 0.75 < options.stroke_size < 1.3


def test_a_variation_leans_towards_the_works() -> None:
    works = (style().code + np.array([[5.0], [6.0]])).astype(np.float16)
    for number in (2, 3):
        moved = variation(number, codes=works)[0] - variation(number)[0]
        assert (moved > 0.9 * 5 * WORK_SHARE).all()
        assert (moved < 1.1 * 6 * WORK_SHARE).all()


def test_stroke_sizes_stay_in_range() -> None:
    wide = replace(TransferOptions(), stroke_size=4.0)
    sizes = [varied_style(style(), replace(wide, variation=number))[1].stroke_size for number in range(2, 20)]
    assert max(sizes) == 4.0
    assert min(sizes) >= 3.1
