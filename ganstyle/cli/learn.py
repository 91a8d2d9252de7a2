"""`ganstyle learn`: works by one hand to a style that is kept."""

from __future__ import annotations

import contextlib
import shlex
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command
from ganstyle.cli.progress import Counting, duration
from ganstyle.errors import NoInputError, UsageError

if TYPE_CHECKING:
    from ganstyle.cli.progress import Progress
    from ganstyle.style.bank import Style, StyleBank
    from ganstyle.style.base import BaseModel
    from ganstyle.style.card import StyleCard
    from ganstyle.style.learning import Works
    from ganstyle.style.previews import Previews
    from ganstyle.style.refining import RefinePlan, Stage

DEFAULT_SECONDS = 600.0
NO_RIVAL = "none"
TAKEN = "choose another name, or --overwrite"
PAINT = "paint with it: ganstyle transfer photo.jpg --style {}"
ENDINGS = {
    "no better": "nothing got better any more: stopped early",
    "interrupted": "stopped by you: the best so far is kept",
}

TimeOption = Annotated[str | None, typer.Option(help="Refine for this long, e.g. 10m or 1h30m.")]
StepsOption = Annotated[int | None, typer.Option("--steps", "--fit", min=0, help="Refine for so many steps; 0: none.")]
LossOption = Annotated[str, typer.Option(help="Adversarial loss of the rival that learns the works; none: no rival.")]
PhotosOption = Annotated[Path | None, typer.Option(help="Photographs to refine on; default: the embedded ones.")]
AdapterFlag = Annotated[
    bool, typer.Option("--adapter/--no-adapter", help="Refine the shapes of strokes, too: some 55 kB more.")
]
PreviewsOption = Annotated[Path | None, typer.Option(help="Write previews of the refinement to this folder.")]
TitleOption = Annotated[str, typer.Option(help="For people, e.g. 'Claude Monet'.")]
AuthorOption = Annotated[str, typer.Option(help="Whose works they are.")]
LicenceOption = Annotated[str, typer.Option(help="Of the works.")]
SourceOption = Annotated[str, typer.Option(help="Where the works come from.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Write this file or folder, not your bank.")]
ModelOption = Annotated[str | None, typer.Option(help="Base model: file, run folder or architecture.")]
OverwriteFlag = Annotated[bool, typer.Option("--overwrite", help="Replace what has that name.")]
ResumeFlag = Annotated[bool, typer.Option("--resume", help="Go on refining your style of that name.")]
LeanFlag = Annotated[bool, typer.Option("--lean", help="Keep no small pictures of the works, only a thumbnail.")]


@command
def learn(
    name: Annotated[str, typer.Argument(help="What you will type after --style.")],
    pictures: Annotated[list[Path], typer.Argument(help="Pictures or folders: 1 to 300 works by one hand.")],
    time: TimeOption = None,
    steps: StepsOption = None,
    loss: LossOption = "hinge",
    photos: PhotosOption = None,
    adapter: AdapterFlag = True,
    previews: PreviewsOption = None,
    title: TitleOption = "",
    author: AuthorOption = "",
    licence: LicenceOption = "",
    source: SourceOption = "",
    lean: LeanFlag = False,
    out: OutOption = None,
    model: ModelOption = None,
    overwrite: OverwriteFlag = False,
    resume: ResumeFlag = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Learn a style from pictures: at once by the style encoder, then refined against a rival, 10 minutes by default.

    The result is never worse than the encoder's answer by a score on works and photographs that are held back.
    Ctrl-C ends the refinement and keeps the best so far; --resume goes on from there.
    """
    facts = {"title": title, "author": author, "licence": licence, "source": source}
    bank = bank_with_room(name, out, overwrite or resume)
    begun = bank.load(name) if resume else None
    plan = plan_of(time, steps, loss, {"seed": seed, "photos": photos, "adapter": adapter}, default=DEFAULT_SECONDS)
    making = Making(Output(json, quiet), plan, previews=previews, lean=lean)
    works, base = making.works(pictures), base_model(model, device)
    if begun is None:
        style = making.style(name, works, base, facts)
    else:
        style = making.continued(described(begun, facts), works, base)
    keep(bank, style, out, overwrite or resume, making.output)


def plan_of(
    time: str | None, steps: int | None, loss: str, how: dict[str, Any], *, default: float | None
) -> RefinePlan:
    """Return the plan of the options; its loss is built when there is something to refine. Imports no torch.

    Args:
        time: as typed.
        steps: as typed.
        loss: name of a loss, or `none`.
        how: further fields of the plan.
        default: seconds where neither time nor steps are given; None refines then not at all.

    Raises:
        UsageError: time and steps both, a time that is none, or an unknown loss.
        NoInputError: no photographs where they shall be.
    """
    from ganstyle.config import parse_duration
    from ganstyle.registry import default_registry
    from ganstyle.style.refining import RefinePlan

    seconds = parse_duration(time)
    if steps is None and seconds is None:
        seconds = default
    if loss != NO_RIVAL:
        default_registry().get("loss", loss)
    _check_photos(how.get("photos"))
    return RefinePlan(steps, seconds, None, "" if loss == NO_RIVAL else loss, **how)


def _check_photos(folder: Path | None) -> None:
    from ganstyle.data.finding import find_images

    if folder is not None and not find_images(folder).files:
        reason = "holds no pictures" if folder.exists() else "does not exist"
        hint = "a folder of photographs; without --photos the embedded ones are used"
        raise NoInputError(f"{folder} {reason}", where="option --photos", hint=hint)


def base_model(model: str | None, device: str) -> BaseModel:
    """Return the base model of the options."""
    from ganstyle.style.base import load_base

    return load_base(model, device=device)


def bank_with_room(name: str, out: Path | None, overwrite: bool, *, hint: str = TAKEN) -> StyleBank:
    """Return the user's bank; refuse a name that is taken, or none, before minutes of work.

    Raises:
        UsageError: the name can't be used.
    """
    from ganstyle.style.bank import StyleBank
    from ganstyle.style.card import check_name

    bank = StyleBank()
    check_name(name)
    target = target_of(name, out)
    taken = target.exists() if target else name in bank.names()
    if taken and not overwrite:
        raise UsageError(
            f"style {name!r} exists already",
            where=str(target or bank.entry(name).path),
            hint=hint,
        )
    return bank


class Making:
    """Makes a style while a person watches.

    Args:
        output: where to talk.
        plan: of the refinement.
        previews: folder of previews; None writes none.
        lean: see `make_style`.
    """

    def __init__(self, output: Output, plan: RefinePlan, *, previews: Path | None = None, lean: bool = False) -> None:
        self.output, self.plan, self.folder, self.lean = output, plan, previews, lean

    def works(self, pictures: list[Path]) -> Works:
        """Return the usable pictures; the others are named."""
        from ganstyle.style.learning import read_works

        with Counting(self.output.progress) as watch:
            works = read_works(pictures, watch=watch)
        for what, why in works.skipped:
            self.output.warn(f"{why if why.startswith(what) else f'{what}: {why}'}; left out")
        return works

    def style(self, name: str, works: Works, base: BaseModel, facts: Mapping[str, Any]) -> Style:
        """Return the style of works."""
        from ganstyle.style.learning import style_of_works

        self.output.say(f"encoding {counted(len(works.images), 'picture')}")
        with Counting(self.output.progress) as watch:
            style = style_of_works(works, name=name, base=base, lean=self.lean, watch=watch, **facts)
        return self.refined(style, works, base)

    def refined(self, style: Style, works: Works, base: BaseModel) -> Style:
        """Return the style refined after the plan, with progress and previews; Ctrl-C keeps the best so far."""
        if not self.plan.wanted():
            return style
        self.output.say("the instant style is ready; refining it, Ctrl-C keeps the best so far")
        ended = "interrupted"
        with _ending_early():
            style, ended = self._fitted(style, works, base)
        if ended in ENDINGS:
            self.output.say(ENDINGS[ended])
        return style

    def continued(self, style: Style, works: Works, base: BaseModel) -> Style:
        """Return a style refined further; its steps and its time are added up.

        Raises:
            ModelError: it was made for another base model.
        """
        from dataclasses import replace

        from ganstyle.style.bank import check_base

        before, style = style.card, self.refined(check_base(style, base), works, base)
        after = style.card
        if after is before:  # stopped before the first step
            return style
        measured_alike = after.instant_score == before.refined_score  # same works, photographs and crops
        total: dict[str, Any] = {
            "fit_steps": before.fit_steps + after.fit_steps,
            "fit_seconds": round(before.fit_seconds + after.fit_seconds, 1),
            "instant_score": before.instant_score if measured_alike else after.instant_score,
        }
        return replace(style, card=replace(after, **total))

    def _fitted(self, style: Style, works: Works, base: BaseModel) -> tuple[Style, str]:
        from dataclasses import replace

        from ganstyle.registry import default_registry
        from ganstyle.style.learning import refine

        loss = default_registry().build("loss", self.plan.loss_name, {}) if self.plan.loss_name else None
        previews = self._previews(style, base)
        with self.output.progress("refining", self.plan.steps, unit="step") as progress:
            plan = replace(self.plan, loss=loss, watch=lambda stage: self._watch(stage, progress, previews))
            style, refined = refine(style, works, base=base, plan=plan)
        if previews is not None and previews.written:
            self.output.say(f"how it looks: {previews.written[-1]}")
        return style, refined.ended

    def _watch(self, stage: Stage, progress: Progress, previews: Previews | None) -> None:
        score = f"{stage.instant:.4f} -> {stage.best:.4f}"
        left = {} if self.plan.seconds is None else {"left": duration((1 - stage.fraction) * self.plan.seconds)}
        progress.share = stage.fraction
        progress.update(stage.steps, score=score, **left)
        if previews is not None:
            previews.show(stage)

    def _previews(self, style: Style, base: BaseModel) -> Previews | None:
        if self.folder is None:
            return None
        from ganstyle.style.previews import Previews

        return Previews(self.folder, style.name, base=base, code=style.numbers)


def described(style: Style, facts: dict[str, str]) -> Style:
    """Return the style with those facts on its card that are given."""
    from dataclasses import replace

    given = {key: value for key, value in facts.items() if value}
    return replace(style, card=replace(style.card, **given))  # type: ignore[arg-type]


@contextlib.contextmanager
def _ending_early() -> Iterator[None]:
    """Let a termination end the refinement as Ctrl-C does; either one, before the first step, keeps what there is."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if main else None
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)


def counted(number: int, what: str) -> str:
    """Return a number of things.

    >>> counted(1, "picture"), counted(2, "picture")
    ('1 picture', '2 pictures')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def keep(bank: StyleBank, style: Style, out: Path | None, overwrite: bool, output: Output, *, use: str = PAINT) -> None:
    """Write a style to the bank or a file, and say what it is and what to do next."""
    from ganstyle.style.bank import write_style

    path = target_of(style.name, out)
    written = write_style(style, path, overwrite=overwrite) if path else bank.add(style, overwrite=overwrite)
    card = style.card
    facts: dict[str, Any] = {
        "style": style.name,
        "path": written,
        "works": card.works,
        "fit_steps": card.fit_steps,
        "fit_seconds": card.fit_seconds,
        "instant_score": card.instant_score,
        "refined_score": card.refined_score,
        "bytes": written.stat().st_size,
    }
    made = f"style {style.name!r} of {counted(card.works, 'picture')}: {written} ({facts['bytes'] / 1000:.0f} kB)"
    gain = refinement(card)
    lines = [made, *([f"held-out score {gain}"] if gain else []), use.format(shlex.quote(str(path or style.name)))]
    output.result(facts, text="\n".join(lines))


def refinement(card: StyleCard) -> str:
    """Return what refining has brought by the held-out score, lower is better; empty where nothing was refined."""
    if not card.fit_steps or not card.instant_score:
        return ""
    share = 1 - card.refined_score / card.instant_score
    gain = f"{share:.1%} better" if share > 0 else "no better; the instant style is kept"
    scores = f"{card.instant_score:.4f} -> {card.refined_score:.4f}"
    steps = counted(card.fit_steps, "step")
    return f"{scores} ({gain}) after {steps} in {card.fit_seconds:.0f} s"


def target_of(name: str, out: Path | None) -> Path | None:
    """Return the file that `--out` means, None where the bank is meant."""
    from ganstyle.style.card import SUFFIX

    if out is None:
        return None
    return out if out.name.endswith(SUFFIX) else out / f"{name}{SUFFIX}"
