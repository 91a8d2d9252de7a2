"""Models that translate between kinds of pictures (role `translator`), applied to photographs of any size.

A translation takes the way of a painting: its painter paints tiles normalised by the moments of the whole picture, so
that there are no seams. What a style's code is to a stylizer is here a direction, or the code of a domain. Imports no
torch until a model is opened.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganstyle.api import suggest
from ganstyle.data.tensors import read_header
from ganstyle.engine.cards import Card, read_card
from ganstyle.errors import ModelError, UsageError
from ganstyle.registry import Registry, default_registry
from ganstyle.style.bank import Style
from ganstyle.style.base import BaseModel, fingerprint, weights_path
from ganstyle.style.blending import FADE, blend_codes, parse_blend
from ganstyle.style.card import StyleCard, name_from
from ganstyle.style.painters import Code, Pixels, from_signed, to_signed
from ganstyle.style.strokes import paint_at
from ganstyle.style.tiling import Tiling, paint

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ganstyle.style.transfer import Brush, TransferOptions

TRANSLATOR = "translator"
WORKS_CODES = 16  # drawn for a domain, so that its variations differ as its pictures do


@dataclass(frozen=True)
class Translation:
    """A model that translates, seen from outside.

    Attributes:
        path: its file.
        card: what it says of itself.
        registry: knows the architecture.
    """

    path: Path
    card: Card
    registry: Registry

    @property
    def domains(self) -> list[str]:
        """Return the names of the kinds of pictures that can be asked for; none of a model of one or two directions."""
        return self.card.styles if self.card.image.labels else []

    def check(self, wanted: Sequence[str], direction: str | None, *, sheet: bool = False) -> list[str]:
        """Return what to translate to, as after `--style`; empty for a model without domains.

        Args:
            wanted: after `--style`; domains, pictures, folders or mixtures of domains.
            direction: after `--direction`.
            sheet: everything is wanted if nothing is named.

        Raises:
            UsageError: something that this model can't do.
        """
        if not self.domains:
            if wanted:
                raise UsageError(
                    f"{self.path.name} translates to one kind of picture and knows no style {wanted[0]!r}",
                    where="option --style",
                    hint="leave --style out; for many styles: ganstyle train --arch multistyle",
                )
            return []
        if direction is not None:
            raise UsageError(
                "this model goes by --style, not by --direction", where="option --direction", hint=self._hint
            )
        if not wanted and not sheet:
            raise UsageError(f"which of {', '.join(self.domains)}?", where="option --style", hint=self._hint)
        for text in wanted:
            for part, _ in self._parts(text):
                self._check_domain(part)
        return list(wanted) or self.domains

    def load(self, device: str = "auto") -> BaseModel:
        """Return the model ready to paint.

        Raises:
            ModelError: damaged, foreign, or without a translator that keeps the contract.
            EnvironmentProblem: the device is missing.
        """
        import torch

        from ganstyle.engine.device import choose_device
        from ganstyle.engine.model import load_model

        place = str(choose_device(device))
        network: Any = load_model(self.path, registry=self.registry, device=place).networks[TRANSLATOR]
        missing = [name for name in ("directions", "translate", "measure") if not hasattr(network, name)]
        if missing:
            reason = f"the translator of {self.card.arch.name} has no {', '.join(missing)}"
            raise ModelError(reason, where=str(self.path), hint="see the plugin guide, role translator")
        placed = network.to(memory_format=torch.channels_last)
        painter = TranslatorPainter(placed, place)
        name, side = self.card.arch.name, min(self.card.image.height, self.card.image.width)
        opener: Callable[[], Any] = lambda: References(placed, side)  # noqa: E731  what reads style pictures
        return BaseModel(name, fingerprint(placed), painter, place, device == "auto", opener)

    def styles(
        self, wanted: Sequence[str], base: BaseModel, *, direction: str | None = None, seed: int = 0
    ) -> list[Style]:
        """Return what to translate to, in the form that painting takes.

        Args:
            wanted: from `check`.
            base: from `load`.
            direction: None is the model's first.
            seed: of the drawn styles.

        Raises:
            UsageError: an unknown direction.
            NoInputError: a picture that can't be used.
        """
        if self.domains:
            return [self._mixture(self._parts(text), base, seed=seed) for text in wanted]
        names = directions_of(base)
        chosen = direction or names[0]
        if chosen not in names:
            raise UsageError(
                f"{self.path.name} has no direction {chosen!r}; {suggest(chosen, names)}",
                where="option --direction",
                hint=f"--direction {' or '.join(names)}; both: ganstyle train --arch cyclegan",
            )
        index, sides = names.index(chosen), self.card.styles
        name = sides[1 - index] if len(sides) == 2 and index < 2 else chosen
        return [Style(self._card(name, base), np.array([index], np.float32))]

    def opened(
        self, wanted: Sequence[Any], options: TransferOptions, *, direction: str | None = None, device: str = "auto"
    ) -> tuple[BaseModel, list[Style], Brush]:
        """Return all that a photograph needs to be translated: see `check`, `load` and `styles`.

        Raises:
            UsageError: something that this model can't do.
        """
        odd = [part for part in wanted if not isinstance(part, str | Path)]
        if odd and self.domains:
            reason = f"a reference is given by its path, found a {type(odd[0]).__name__}"
            raise UsageError(reason, where="style", hint=self._hint)
        texts = self.check([str(part) for part in wanted], direction)
        asked: dict[str, Any] = {"strengths": [options.strength], "variations": options.variation}
        check_asked(method=options.method, **asked, has_domains=bool(self.domains))
        base = self.load(device)
        return base, self.styles(texts, base, direction=direction, seed=options.seed), translating_brush(base)

    @property
    def _hint(self) -> str:
        return f"--style {self.domains[-1]}, or --style picture.jpg"

    def _parts(self, text: str) -> list[tuple[str, float]]:
        single = text in self.domains or Path(text).exists() or not ({",", ":"} & set(text))
        return [(text, 1.0)] if single else parse_blend(text)

    def _check_domain(self, text: str) -> None:
        if text not in self.domains and not Path(text).exists():
            raise UsageError(
                f"this model knows no style {text!r}; {suggest(text, self.domains)}",
                where="option --style",
                hint=f"it knows {', '.join(self.domains)}, and any picture",
            )

    def _mixture(self, parts: list[tuple[str, float]], base: BaseModel, *, seed: int) -> Style:
        styles = [self._single(text, base, seed=seed) for text, _ in parts]
        if len(styles) == 1:
            return styles[0]
        code = blend_codes([style.code for style in styles], [weight for _, weight in parts])
        name = "-".join(f"{style.name}{weight * 100:.0f}" for style, (_, weight) in zip(styles, parts, strict=True))
        return Style(self._card(name, base), code)

    def _single(self, text: str, base: BaseModel, *, seed: int) -> Style:
        if text in self.domains:
            codes = base.stylizer.drawn(self.domains.index(text), seed=seed, count=WORKS_CODES)
            return Style(self._card(text, base), codes[0].copy(), codes.astype(np.float16))
        from ganstyle.style.learning import read_works, style_of_works

        path = Path(text)
        name = name_from(path.resolve().name if path.is_dir() else path.stem)
        return style_of_works(read_works(path), name=name, base=base)

    def _card(self, name: str, base: BaseModel) -> StyleCard:
        return StyleCard(name_from(name), base.name, base.sha256)


def translation_of(model: str | Path | None, *, registry: Registry | None = None) -> Translation | None:
    """Return what a user means by `--model` if it is a model that translates, else None; imports no torch.

    Args:
        model: a model file, a run folder, or the name of an architecture with weights; None is no model.
        registry: default `default_registry()`.

    Raises:
        UsageError: no such model.
        ModelError: a damaged or foreign file.
    """
    if model is None:
        return None
    registry = registry or default_registry()
    path = weights_path(model, registry)
    if not any(name.startswith(f"{TRANSLATOR}/") for name in read_header(path).tensors):
        return None
    return Translation(path, read_card(path), registry)


def check_asked(*, method: str, strengths: Sequence[float], variations: int, has_domains: bool) -> None:
    """Refuse options of `transfer` that a translation can't follow.

    Raises:
        UsageError: says which.
    """
    if method != "fast":
        raise UsageError("a translation has one method", where="option --method", hint="leave --method out")
    if max(strengths) > 1:
        reason = f"strength {max(strengths):g}: a translation goes from 0, the photograph, to 1"
        raise UsageError(reason, where="option --strength", hint="--strength 1")
    if variations > 1 and not has_domains:
        raise UsageError(
            "this model translates in one way, it has no variations",
            where="option --variations",
            hint="a model of `ganstyle train --arch multistyle` has",
        )


def directions_of(base: BaseModel) -> tuple[str, ...]:
    """Return the directions of a loaded translator, the usual one first."""
    return tuple(base.stylizer.translator.directions)


def translating_brush(base: BaseModel) -> Brush:
    """Return what paints a photograph by a translator: strength is a share of the way from the photograph's pixels."""

    def brush(original: Pixels, style: Style, options: TransferOptions) -> Pixels:
        halo = max(options.halo, getattr(base.stylizer.translator, "reach", 0))
        made = paint_at(
            lambda pixels: paint(base, pixels, style.code, tiling=Tiling(options.tile, halo), seed=options.seed),
            original,
            stroke_size=options.stroke_size or 1.0,
        )
        # Below this strength the photograph shines through anyway, in proportion.
        share = np.float32(max(options.strength, FADE))
        if share >= 1:
            return made
        return np.rint(original + share * (made.astype(np.float32) - original)).astype(np.uint8)

    return brush


class TranslatorPainter:
    """Paints with a module of the role `translator`; see `ganstyle.style.painters.TilePainter`.

    Args:
        translator: has `directions`, `translate` and `measure`; it is on the device already.
        device: of its weights.
    """

    def __init__(self, translator: Any, device: str) -> None:
        import torch

        self.engine = f"torch {torch.__version__}"
        self.translator, self.device = translator, device
        self.code_length: int | None = getattr(translator, "code_length", 0) or 1
        self.adapter_length = 0

    def paint_tile(
        self, content: Pixels, code: Code, *, statistics: Any = None, offset: tuple[int, int] = (0, 0), seed: int = 0
    ) -> Pixels:
        """Translate uint8 (H, W, 3) as a code says: that of a domain, or float32 (1,), the number of a direction."""
        import torch

        with torch.inference_mode():
            made = self.translator.translate(
                to_signed(content, self.device), statistics=statistics, **self._target(code)
            )
            return from_signed(made[0])

    def measure(self, content: Pixels, code: Code, *, seed: int = 0) -> Any:
        """Return the translator's moments of uint8 (H, W, 3)."""
        import torch

        with torch.inference_mode():
            return self.translator.measure(to_signed(content, self.device), **self._target(code))

    def release(self) -> None:
        """Empty torch's cache of a GPU."""
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.empty_cache()

    def on_cpu(self) -> TranslatorPainter:
        """Return a painter with a copy of the network on the CPU."""
        return TranslatorPainter(copy.deepcopy(self.translator).to("cpu"), "cpu")

    def _target(self, code: Code) -> Mapping[str, Any]:
        import torch

        directions = self.translator.directions
        if getattr(self.translator, "code_length", 0):
            given = torch.from_numpy(np.ascontiguousarray(code)).to(self.device)[None]
            return {"direction": directions[0], "code": given}
        return {"direction": directions[int(code[0])]}


class References:
    """The translator as what reads styles: off pictures, at the size that training showed them at, or by chance.

    Attributes:
        translator: the network.
    """

    def __init__(self, translator: Any, side: int) -> None:
        """Keep the translator.

        Args:
            translator: the network.
            side: of its training pictures, in pixels.
        """
        self.translator, self.side = translator, side

    def encode(self, style: Tensor) -> Tensor:
        """Return the code, float (1, D), of a picture float (1, 3, H, W) in [-1, 1]."""
        from torch.nn import functional as F

        scale = self.side / min(style.shape[2:])
        sides = [max(1, round(side * scale)) for side in style.shape[2:]]
        small = F.interpolate(style, size=sides, mode="bilinear", antialias=True) if scale < 1 else style
        return self.translator.encode(small)

    def drawn(self, domain: int, *, seed: int, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return codes of a domain, float32 (count, D)."""
        codes: torch.Tensor = self.translator.drawn(domain, seed=seed, count=count)
        return codes.detach().float().cpu().numpy()
