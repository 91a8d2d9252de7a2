"""The options of `ganstyle transfer`, and the lists of numbers that some of them take."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from ganstyle.errors import UsageError

MOST_VALUES = 20
AUTO = "auto"

PhotosArgument = Annotated[
    list[str] | None, typer.Argument(help="Pictures and folders; - reads stdin; none: an embedded photograph.")
]
StyleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--style",
        "-s",
        help="A name, name:0.6,name:0.4, a picture, a folder of pictures or a style file; repeat it for several.",
    ),
]
StrengthOption = Annotated[str, typer.Option(help="0 is the photograph, 1 the full style, up to 1.5; or 0.3,0.6,1.")]
StrokeSizeOption = Annotated[
    str, typer.Option(help="Scale of the brush, 0.5 to 4; or 1,2,4; auto: 1 up to 1024 pixels, then in proportion.")
]
MaskOption = Annotated[
    str | None,
    typer.Option(
        help="Picture, or folder of pictures named as the photographs: white is the first style, black the second or "
        "the photograph; a flat colour for each of several styles, the brightest for the first."
    ),
]
FeatherOption = Annotated[
    float | None, typer.Option(help="Width of the mask's soft borders in pixels; default 0.3 % of the long side.")
]
ColorOption = Annotated[
    str,
    typer.Option(
        help="none; luma: colour of each pixel; match: mean and spread of the colours; histogram: "
        "their distribution under the painting's light; hue: hues alone; part of the way: match:0.5."
    ),
]
VariationsOption = Annotated[int, typer.Option(help="That many different paintings, name-v2 and so on.")]
MethodOption = Annotated[
    str, typer.Option(help="fast: the network; optimise (or gatys): minutes of gradient descent for each picture.")
]
StepsOption = Annotated[int, typer.Option(help="Of --method optimise.")]
BackboneOption = Annotated[
    str | None,
    typer.Option(help="Of --method optimise: efficientnet_lite0, vgg16, vgg19, or another of ganstyle backbone list."),
]
DownloadFlag = Annotated[bool, typer.Option("--download", help="Fetch the backbone's weights where they are missing.")]
ModelOption = Annotated[str | None, typer.Option(help="Base model or translator: file, run folder or architecture.")]
DirectionOption = Annotated[
    str | None, typer.Option(help="Of a model that translates both ways: a2b, photographs to styles, or b2a.")
]
SheetFlag = Annotated[
    bool, typer.Option("--sheet", help="One page per photograph with all styles, or strengths, stroke sizes ...")
]


def numbers(text: str, *, option: str) -> list[float]:
    """Read `0.3,0.6,1`.

    Raises:
        UsageError: no numbers, too many, or twice the same.

    >>> numbers("0.5, 1", option="--strength")
    [0.5, 1.0]
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)):
        raise UsageError(
            f"{text!r} is no number and no list of numbers",
            where=f"option {option}",
            hint=f"{option} 1, {option} 0.5,1",
        )
    if len(set(values)) < len(values) or len(values) > MOST_VALUES:
        raise UsageError(f"{text!r} has a number twice, or more than {MOST_VALUES}", where=f"option {option}")
    return values


def stroke_sizes(text: str) -> list[float | None]:
    """Read `auto`, a number or a list of numbers; auto is None.

    Raises:
        UsageError: something else.
    """
    if text == AUTO:
        return [None]
    return list(numbers(text, option="--stroke-size"))


def existing_mask(mask: str | None, *, feather: float | None = None) -> Path | None:
    """Return the path of a mask or of a folder of masks.

    Raises:
        UsageError: there is none; or a feather for no mask.
    """
    if mask is None and feather is not None:
        hint = f"--mask sky.png --feather {feather:g}"
        raise UsageError("--feather is for the borders of a mask", where="option --feather", hint=hint)
    if mask is not None and not Path(mask).exists():
        raise UsageError(f"no such mask: {mask!r}", where="option --mask", hint="a picture or a folder of pictures")
    return None if mask is None else Path(mask)
