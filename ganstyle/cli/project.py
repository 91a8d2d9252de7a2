"""`ganstyle project`: a real picture in the latent space of a generator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.generate import styles_of
from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command
from ganstyle.cli.places import opened, place_of

if TYPE_CHECKING:
    from torch import Tensor

    from ganstyle.engine.model import Model
    from ganstyle.engine.projection import Found, Search


@command
def project(
    picture: Annotated[Path, typer.Argument(help="Picture to look for.")],
    source: Annotated[
        Path | None, typer.Argument(help="Run, checkpoint folder or model file; default: the newest run.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, max=100_000, help="Of the search.")] = 300,
    starts: Annotated[int, typer.Option(min=1, max=64, help="Random beginnings (generators without a mean code).")] = 4,
    style: Annotated[str | None, typer.Option(help="A label by name; default: the one that fits best.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; default: projected/ in the run.")] = None,
    runs: Annotated[Path, typer.Option(help="Where the newest run is looked for.")] = Path("runs"),
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Find the code whose picture is most like a given one; `ganstyle generate --code` shows and edits it."""
    from ganstyle.data.reading import read_image
    from ganstyle.engine.opening import find_model
    from ganstyle.engine.projection import Search, fitted

    output = Output(json, quiet)
    image = read_image(picture)
    source, folder = place_of(source, runs=runs, out=out, name="projected")
    facts: dict[str, Any] = {"picture": picture, "model": find_model(source), "folder": folder, "steps": steps}
    if dry_run:
        output.result(facts | {"dry_run": True})
        return
    model = opened(source, device)
    target = fitted(image, model)
    search = Search(steps=steps, starts=starts, seed=seed)
    found = _found(model, target, search, styles_of(style), output)
    facts |= {"psnr": found.psnr, "start_psnr": found.start_psnr, "loss": found.loss, "final_loss": found.history[-1]}
    facts |= _write(model, target, found, search=search, folder=folder, name=picture.stem)
    text = f"code: {facts['code']}\nside by side: {facts['side_by_side']}\n{found.psnr:.1f} dB ({found.loss})"
    output.result(facts, text=text)


def _found(model: Model, target: Tensor, search: Search, styles: dict[str, float] | None, output: Output) -> Found:
    from ganstyle.engine.projection import project as look_for

    with output.progress("projecting", search.steps, unit="step") as bar:
        return look_for(
            model,
            target,
            search=search,
            style=styles,
            progress=lambda done, loss: bar.update(done, loss=loss),
        )


def _write(model: Model, target: Tensor, found: Found, *, search: Search, folder: Path, name: str) -> dict[str, Path]:
    from ganstyle.data.names import safe_name
    from ganstyle.data.sheets import contact_sheet
    from ganstyle.data.writing import free_path, save_image
    from ganstyle.engine.codes import SUFFIX, Code, CodeCard, fingerprint, write_code

    name = safe_name(name)
    card = CodeCard(
        weights_sha256=model.weights_sha256,
        arch=model.card.arch.name,
        picture_sha256=fingerprint(target),
        psnr=round(found.psnr, 3),
        loss=found.loss,
        steps=search.steps,
        seed=search.seed,
    )
    settings = card.model_dump(exclude={"kind", "schema_version"})
    zoom = max(1, 192 // max(target.shape[1:]))
    sides = contact_sheet([target, found.picture], columns=2, labels=["picture", "projection"], zoom=zoom)
    place = free_path(folder / f"{name}{SUFFIX}")
    return {
        "code": write_code(place, Code(found.latents, card)),
        "reconstruction": save_image(found.picture, folder / f"{name}-projected.png", provenance=settings),
        "side_by_side": save_image(sides, folder / f"{name}-side-by-side.png", provenance=settings),
    }
