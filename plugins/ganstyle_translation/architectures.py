"""What the translation architectures are made of, by their options."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from ganstyle.api import ImageSpec, Options
from ganstyle.errors import UsageError

from .contrast import Projector
from .discriminator import JudgeNorm, PatchDiscriminator
from .generators import FastGenerator, ResnetGenerator, Ups
from .layers import NormKind
from .translators import A2B, B2A, LatentMapping, ManyTranslator, StyleEncoder, Translator

CHANNELS = {"fast": 24, "resnet": 64}
LARGE = 128  # pixels: from here on the papers' depth
SMALLEST = 16


class TranslatorOptions(Options):
    """Shapes of the generators and of the discriminator."""

    generator: Annotated[
        Literal["fast", "resnet"], Field(description="fast is made for CPUs, resnet is the papers'.")
    ] = "fast"
    base_channels: Annotated[
        int | None, Field(ge=2, le=512, description="Width of the generator; none: 24 for fast, 64 for resnet.")
    ] = None
    blocks: Annotated[
        int | None, Field(ge=1, le=32, description="Blocks; none: 6, of a resnet from 128 pixels on 9.")
    ] = None
    downs: Annotated[int, Field(ge=1, le=3, description="How often a resnet halves the size.")] = 2
    norm: Annotated[
        NormKind, Field(description="instance, or none: small crops and whole pictures then look alike to it.")
    ] = "instance"
    coarse: Annotated[
        Literal[1, 2, 4, 8],
        Field(description="fast adds to the mean colours of squares of so many pixels; 1: to the picture itself."),
    ] = 1
    ups: Annotated[
        Ups, Field(description="How fast doubles sizes: shuffle, or linear, of which no adversary makes lattices.")
    ] = "shuffle"
    d_channels: Annotated[int, Field(ge=2, le=512, description="Width of the discriminator's first layer.")] = 32
    d_layers: Annotated[
        int | None, Field(ge=1, le=6, description="Its strided layers; none: 3, the papers' 70 pixels, from 128 on.")
    ] = None
    d_norm: Annotated[JudgeNorm, Field(description="spectral bounds its slope; instance is the papers'.")] = "spectral"


class CutOptions(TranslatorOptions):
    """Options of `cut`, `fastcut` and `sincut`."""

    embedding: Annotated[int, Field(ge=2, le=4096, description="Length of the vectors that patches become.")] = 256


class ManyOptions(TranslatorOptions):
    """Options of `multistyle`."""

    style_dim: Annotated[int, Field(ge=2, le=4096, description="Length of a style code.")] = 64
    z_dim: Annotated[int, Field(ge=1, le=4096, description="Length of a latent.")] = 16
    hidden: Annotated[int, Field(ge=2, le=4096, description="Width of the mapping network.")] = 256
    encoder_channels: Annotated[int, Field(ge=2, le=512, description="Width of the style encoder.")] = 24


def build_cut(options: CutOptions, image: ImageSpec) -> dict[str, nn.Module]:
    """Return the roles `translator`, `discriminator` and `projector`, which only training needs.

    Raises:
        UsageError: pictures of fewer than 16 pixels, or not in colour.
    """
    translator = Translator({A2B: _generator(options, image)})
    projector = Projector(translator.tap_channels, options.embedding)
    return {"translator": translator, "discriminator": _discriminator(options, image), "projector": projector}


def build_cyclegan(options: TranslatorOptions, image: ImageSpec) -> dict[str, nn.Module]:
    """Return the roles `translator`, with both directions, `discriminator` of the styles and `discriminator_a`.

    Raises:
        UsageError: pictures of fewer than 16 pixels, or not in colour.
    """
    translator = Translator({name: _generator(options, image) for name in (A2B, B2A)})
    judges = {role: _discriminator(options, image) for role in ("discriminator", "discriminator_a")}
    return {"translator": translator, **judges}


def build_multistyle(options: ManyOptions, image: ImageSpec) -> dict[str, nn.Module]:
    """Return the roles `translator`, with mapping network and style encoder, and `discriminator`.

    Args:
        options: shapes.
        image: `labels` is the number of domains; without labels there are two.

    Raises:
        UsageError: fewer than two domains, pictures of fewer than 16 pixels, or not in colour.
    """
    domains = image.labels or 2
    if domains < 2:
        raise UsageError("multistyle needs two domains or more, found one", where="data.path", hint="--data FOLDER")
    generator = _generator(options, image, code_length=options.style_dim)
    mapping = LatentMapping(options.z_dim, domains, hidden=options.hidden, style_dim=options.style_dim)
    encoder = StyleEncoder(options.encoder_channels, options.style_dim)
    discriminator = _discriminator(options, image, labels=domains)
    return {"translator": ManyTranslator(generator, mapping, encoder), "discriminator": discriminator}


def _generator(options: TranslatorOptions, image: ImageSpec, *, code_length: int = 0) -> nn.Module:
    if image.channels != 3 or min(image.height, image.width) < SMALLEST:
        raise UsageError(
            f"translators need RGB pictures of {SMALLEST} pixels or more, not {image.height}x{image.width} with "
            f"{image.channels} channels",
            where="train.resolution",
            hint="--resolution 64",
        )
    channels = options.base_channels or CHANNELS[options.generator]
    norms = {"kind": options.norm, "code_length": code_length}
    if options.generator == "fast":
        return FastGenerator(channels, options.blocks or 6, coarse=options.coarse, ups=options.ups, **norms)
    blocks = options.blocks or (9 if min(image.height, image.width) >= LARGE else 6)
    return ResnetGenerator(channels, blocks, downs=options.downs, **norms)


def _discriminator(options: TranslatorOptions, image: ImageSpec, *, labels: int = 0) -> PatchDiscriminator:
    side = min(image.height, image.width)
    layers = options.d_layers or (3 if side >= LARGE else 2 if side > SMALLEST else 1)
    return PatchDiscriminator(options.d_channels, layers, norm=options.d_norm, labels=labels)
