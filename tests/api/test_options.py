"""Options: strict, and every error says which key, what was found, what is right."""

from __future__ import annotations

import enum
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from ganstyle.api import Options, describe_options, make_options
from ganstyle.errors import UsageError


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Many(Options):
    count: Annotated[int, Field(ge=1, le=9, description="How many.")] = 3
    share: Annotated[float, Field(gt=0, lt=1, description="Part.")] = 0.5
    width: Annotated[int | None, Field(ge=4, description="Pixels.")] = None
    mode: Annotated[Literal["a", "b"], Field(description="Way.")] = "a"
    pair: Annotated[tuple[Annotated[float, Field(ge=0)], float], Field(description="Two.")] = (0.0, 1.0)
    sides: Annotated[list[int], Field(description="Sides.")] = [1, 2]  # noqa: RUF012
    path: Annotated[Path, Field(description="Where.")] = Path("x")
    colour: Annotated[Colour, Field(description="Hue.")] = Colour.RED
    names: Annotated[tuple[str, ...], Field(default_factory=tuple, description="Words.")]


def test_descriptions_hold_type_default_and_range():
    found = {entry.pop("name"): tuple(entry.values()) for entry in describe_options(Many)}
    assert found == {
        "count": ("integer", 3, ">= 1, <= 9", "How many."),
        "share": ("number", 0.5, "> 0, < 1", "Part."),
        "width": ("integer or none", None, ">= 4", "Pixels."),
        "mode": ("a|b", "a", "", "Way."),
        "pair": ("[number, number]", [0.0, 1.0], "each >= 0", "Two."),
        "sides": ("list of integer", [1, 2], "", "Sides."),
        "path": ("path", "x", "", "Where."),
        "colour": ("red|blue", "red", "", "Hue."),
        "names": ("list of text", [], "", "Words."),
    }


def test_values_are_read_as_json_would_be():
    values = {"share": 0.25, "pair": [1, 2.5], "path": Path("a/b"), "colour": "blue", "names": ["x"], "width": None}
    options = make_options(Many, values, prefix="arch")
    assert (options.pair, options.path, options.colour, options.names) == ((1.0, 2.5), Path("a/b"), Colour.BLUE, ("x",))
    assert isinstance(options.pair[0], float)


def test_what_was_made_can_be_made_again_from_its_json():
    options = make_options(Many, {"pair": [0.1, 0.2], "sides": [5]}, prefix="arch")
    assert make_options(Many, options.model_dump(mode="json"), prefix="arch") == options


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cuont": 3}, "arch has no option 'cuont'; did you mean 'count'"),
        ({"count": True}, "arch.count: Input should be a valid integer, found True"),
        ({"count": "3"}, "arch.count: Input should be a valid integer, found '3'"),
        ({"count": 0}, "arch.count: Input should be greater than or equal to 1, found 0"),
        ({"count": 3.5}, "arch.count: Input should be a valid integer"),
        ({"share": float("nan")}, "arch.share: Input should be a finite number"),
        ({"share": float("inf")}, "arch.share: Input should be a finite number"),
        ({"share": None}, "arch.share: Input should be a valid number, found None"),
        ({"pair": [1]}, "arch.pair.1: Field required"),
        ({"mode": "c"}, "arch.mode: Input should be 'a' or 'b', found 'c'"),
        ({"path": "\udcff"}, "arch"),
    ],
)
def test_bad_values_name_the_key_and_the_value(values, message):
    with pytest.raises(UsageError) as caught:
        make_options(Many, values, prefix="arch")
    assert caught.value.message.startswith(message)
    assert caught.value.where.startswith("arch")


def test_a_huge_value_is_not_repeated_in_full():
    with pytest.raises(UsageError) as caught:
        make_options(Many, {"count": "x" * 100_000}, prefix="arch")
    assert len(caught.value.message) < 200


def test_options_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        make_options(Many, {}, prefix="arch").count = 4


def test_the_contract_imports_pydantic_only_for_options():
    code = (
        "import sys, ganstyle.api as api\n"
        "before = 'pydantic' in sys.modules; api.Options\n"
        "print(before, 'pydantic' in sys.modules, api.Options is api._options.Options, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True", "False"]


def test_every_public_name_of_the_contract_exists():
    import ganstyle.api

    assert [name for name in ganstyle.api.__all__ if not hasattr(ganstyle.api, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'Optoins'"):
        _ = ganstyle.api.Optoins
