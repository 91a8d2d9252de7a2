"""`ganstyle generate`: pictures from a run, a checkpoint or a model file, without the data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ganstyle.cli.gallery import MODES, Wish
from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command
from ganstyle.cli.places import opened, place_of
from ganstyle.errors import UsageError


@command
def generate(
    source: Annotated[
        Path | None, typer.Argument(help="Run, checkpoint folder or model file; default: the newest run.")
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, max=100_000, help="How many pictures; default 16.")] = None,
    seeds: Annotated[str | None, typer.Option(help="The first picture of each of these seeds, e.g. 0-7,12.")] = None,
    style: Annotated[str | None, typer.Option(help="A label by name, or a blend: monet:0.5,van_gogh:0.5.")] = None,
    truncation: Annotated[
        float | None, typer.Option(min=0, max=2, help="Psi: below 1 fewer odd pictures, less variety (stylegan2).")
    ] = None,
    interpolate: Annotated[int | None, typer.Option(min=2, max=100, help="A moving loop through N pictures.")] = None,
    frames: Annotated[int, typer.Option(min=1, max=1000, help="Frames from one picture of it to the next.")] = 24,
    fps: Annotated[float, typer.Option(min=1, max=60, help="Frames per second.")] = 24.0,
    mix: Annotated[str | None, typer.Option(help="Table of style mixtures, ROWSxCOLUMNS, e.g. 4x6.")] = None,
    direction: Annotated[int | None, typer.Option(min=1, help="Edit along this direction; 1 is the strongest.")] = None,
    strength: Annotated[str, typer.Option(help="Of the edit, in deviations: -3..3, 2 or -2,0,2.")] = "-3..3",
    layers: Annotated[str | None, typer.Option(help="Layers that --mix or --direction changes, from 0.")] = None,
    code: Annotated[list[Path] | None, typer.Option(help="Code file of `ganstyle project`. Repeatable.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures; default: generated/ in the run.")] = None,
    suffix: Annotated[str | None, typer.Option(help=".png .webp .jpg; of a loop .webp .png .gif .mp4.")] = None,
    grid: Annotated[bool, typer.Option(help="Write one grid as well.")] = True,
    runs: Annotated[Path, typer.Option(help="Where the newest run is looked for.")] = Path("runs"),
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Sample pictures; the first k of a seed are the same for every count."""
    from ganstyle.cli.ranges import parse_numbers, parse_strengths, parse_table

    output = Output(json, quiet)
    _check_combination({"--interpolate": interpolate, "--mix": mix, "--direction": direction, "--seeds": seeds})
    numbers = None if seeds is None else parse_numbers(seeds, option="--seeds")
    default = (".webp" if interpolate else ".png") if suffix is None else "." + suffix.lower().lstrip(".")
    wish = Wish(
        seed=seed,
        count=_count(count, numbers, direction),
        seeds=numbers,
        codes=list(code or []),
        styles=styles_of(style),
        truncation=truncation,
        layers=None if layers is None else parse_numbers(layers, option="--layers"),
        direction=direction,
        strengths=parse_strengths(strength) if direction else [],
        table=None if mix is None else parse_table(mix, option="--mix"),
        keys=interpolate,
        frames=frames,
        fps=fps,
        suffix=default,
        grid=grid,
    )
    _answer(wish, source, runs, out, device, dry_run=dry_run, output=output)


def _answer(
    wish: Wish, source: Path | None, runs: Path, out: Path | None, device: str, *, dry_run: bool, output: Output
) -> None:
    from ganstyle.engine.opening import find_model

    source, folder = place_of(source, runs=runs, out=out, name="generated")
    facts: dict[str, Any] = {"model": find_model(source), "seed": wish.seed, "count": wish.count, "folder": folder}
    facts |= {"mode": wish.mode} | ({} if wish.seeds is None else {"seeds": wish.seeds})
    if dry_run:
        output.result(facts | {"dry_run": True})
        return
    written, sheet = MODES[wish.mode](opened(source, device), wish, folder, output)
    lines = [f"{len(written)} pictures in {folder}"] if len(written) > 1 else [str(path) for path in written]
    text = "\n".join([*lines, *([f"grid: {sheet}"] if sheet else [])])
    output.result(facts | {"files": written, "grid": sheet}, text=text)


def _check_combination(options: dict[str, object]) -> None:
    moving = [name for name in ("--interpolate", "--mix", "--direction") if options[name] is not None]
    if len(moving) > 1:
        raise UsageError(f"{' and '.join(moving)} exclude each other", where="command line")


def _count(count: int | None, seeds: list[int] | None, direction: int | None) -> int:
    if seeds is not None:
        if count is not None and count != len(seeds):
            raise UsageError(
                f"--seeds gives {len(seeds)} pictures, --count {count}",
                where="--count",
                hint="leave --count out, or use --seed for several pictures of one seed",
            )
        return len(seeds)
    return (16 if direction is None else 4) if count is None else count


def styles_of(text: str | None) -> dict[str, float] | None:
    """Return weights by name of `monet` or `monet:0.5,van_gogh:0.5`; None for None."""
    from ganstyle.style.blending import parse_blend

    if text is None:
        return None
    styles: dict[str, float] = {}
    for name, weight in parse_blend(text):
        styles[name] = styles.get(name, 0.0) + weight
    return styles
