"""Code files: where a picture lies in the latent space of one generator, as `ganstyle project` finds it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import Field, ValidationError
from torch import Tensor

from ganstyle.api import Options
from ganstyle.data.tensors import read_header, read_tensors, write_tensors
from ganstyle.engine.cards import CARD_KEY
from ganstyle.engine.generation import Sampler
from ganstyle.engine.latents import Latents
from ganstyle.errors import ModelError

SUFFIX = ".code.safetensors"
SCHEMA = 1


class CodeCard(Options):
    """What a code file says of itself; untrusted.

    Attributes:
        weights_sha256: of the generator whose code it is, see `Model.weights_sha256`.
        arch: of that generator.
        picture_sha256: of the pixels that were looked for, uint8 (3, H, W).
        psnr: of the picture that was found, in decibels.
        loss: what was minimised, in words.
        steps: of the search.
        seed: of the search.
    """

    schema_version: int = SCHEMA
    kind: str = "code"
    weights_sha256: str
    arch: str = ""
    picture_sha256: str = ""
    psnr: float = 0.0
    loss: str = ""
    steps: int = Field(default=0, ge=0)
    seed: int = 0


@dataclass(frozen=True)
class Code:
    """One code.

    Attributes:
        latents: a batch of one.
        card: what is known of it.
    """

    latents: Latents
    card: CodeCard


def write_code(path: Path, code: Code) -> Path:
    """Write a code file, replacing one of that name.

    Raises:
        ModelError: a number is not finite.
        EnvironmentProblem: full disk or no permission.
    """
    tensors = {"code": code.latents.codes[0]}
    if code.latents.shares is not None:
        tensors["shares"] = code.latents.shares[0]
    return write_tensors(path, tensors, {CARD_KEY: code.card.model_dump_json()})


def read_code(path: Path) -> Code:
    """Read a code file.

    Raises:
        ModelError: missing, damaged or another kind of file.
    """
    text = read_header(path).metadata.get(CARD_KEY, "{}")
    try:
        card = CodeCard.model_validate_json(text)
    except ValidationError:
        card = None
    tensors = read_tensors(path) if card and card.kind == "code" and card.schema_version <= SCHEMA else {}
    if card is None or "code" not in tensors or tensors["code"].ndim != 2:
        raise ModelError(f"{path.name} is no code file", where=str(path), hint="ganstyle project PICTURE makes one")
    shares = tensors.get("shares")
    return Code(Latents(tensors["code"].float()[None], None if shares is None else shares.float()[None]), card)


def code_latents(path: Path, sampler: Sampler) -> Latents:
    """Return a file's code for the generator that it was made for.

    Raises:
        ModelError: damaged, or of another generator.
    """
    code, space = read_code(path), sampler.space
    own = sampler.model.weights_sha256
    shares = code.latents.shares
    fits = tuple(code.latents.codes.shape[1:]) == space.shape
    labelled = shares is None or tuple(shares.shape) == (1, space.labels)
    needed = bool(space.labels) and not space.styled
    if code.card.weights_sha256 != own or not fits or not labelled or needed != (shares is not None):
        raise ModelError(
            f"{path.name} is a code of another generator ({code.card.arch or 'unknown'}, weights "
            f"{code.card.weights_sha256[:8]}; this one is {sampler.model.card.arch.name}, {own[:8]})",
            where=str(path),
            hint="name the model that it was made with, or project the picture again with this one",
        )
    return Latents(code.latents.codes.to(space.device), None if shares is None else shares.to(space.device))


def joined(latents: list[Latents]) -> Latents:
    """Return one batch of several."""
    shares = [part.shares for part in latents if part.shares is not None]
    return Latents(torch.cat([part.codes for part in latents]), torch.cat(shares) if shares else None)


def fingerprint(picture: Tensor) -> str:
    """Return the sha256 of a picture's pixels.

    Args:
        picture: uint8 (3, H, W).
    """
    return hashlib.sha256(f"{tuple(picture.shape)}".encode() + picture.cpu().contiguous().numpy().tobytes()).hexdigest()
