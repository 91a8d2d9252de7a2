"""`ganstyle generate`: pictures from a run or a model file, without the data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command

if TYPE_CHECKING:
    from torch import Tensor


@command
def generate(
    source: Annotated[Path | None, typer.Argument(help="Run folder or model file; default: the newest run.")] = None,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="How many pictures.")] = 16,
    style: Annotated[str | None, typer.Option(help="A label by name, for conditional models.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures; default: generated/ in the run.")] = None,
    grid: Annotated[bool, typer.Option(help="Write one grid as well.")] = True,
    runs: Annotated[Path, typer.Option(help="Where the newest run is looked for.")] = Path("runs"),
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Sample pictures; the first k of a seed are the same for every count."""
    from ganstyle.engine.device import choose_device
    from ganstyle.engine.generation import find_model, generate
    from ganstyle.engine.run import newest_run
    from ganstyle.registry import default_registry

    output = Output(json, quiet)
    source = source or newest_run(runs).folder
    folder = out or (source if source.is_dir() else source.parent) / "generated"
    facts: dict[str, Any] = {"model": find_model(source), "seed": seed, "count": count, "folder": folder}
    if dry_run:
        output.result(facts | {"dry_run": True})
        return
    pictures = generate(
        source, registry=default_registry(), count=count, seed=seed, style=style, device=choose_device(device)
    )
    with output.progress("writing", count) as progress:
        written = _write(pictures, folder, seed, progress)
    sheet = _write_grid(pictures, folder, seed) if grid else None
    text = f"{len(written)} pictures in {folder}" + (f"\ngrid: {sheet}" if sheet else "")
    output.result(facts | {"files": written, "grid": sheet}, text=text)


def _write(pictures: Tensor, folder: Path, seed: int, progress: Any) -> list[Path]:
    from ganstyle.data.writing import save_image

    written = []
    for index, picture in enumerate(pictures):
        path = folder / f"seed{seed}-{index:05d}.png"
        written.append(save_image(picture, path, provenance={"seed": seed, "index": index}))
        progress.advance(1)
    return written


def _write_grid(pictures: Tensor, folder: Path, seed: int) -> Path:
    from ganstyle.data.sheets import contact_sheet
    from ganstyle.data.writing import save_image

    shown = list(pictures[:64])
    sheet = contact_sheet(shown, columns=max(1, round(len(shown) ** 0.5)))
    return save_image(sheet, folder / f"grid-seed{seed}.png", provenance={"seed": seed})
