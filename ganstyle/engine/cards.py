"""The card of a model file: what the weights are, from what they came, how good they are. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

import ganstyle
from ganstyle.api import Options
from ganstyle.data.tensors import read_header
from ganstyle.errors import ModelError

CARD_KEY = "ganstyle"
SCHEMA = 1


class Named(Options):
    """A component named in a card, with its options."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    distribution: str = ""
    version: str = ""


class Shape(Options):
    """The card's spelling of an ImageSpec."""

    height: int
    width: int
    channels: int = 3
    labels: int = 0


class Card(Options):
    """What a model file says of itself. Read from untrusted files: names and values only, never code.

    Attributes:
        arch: architecture and all its options.
        task: how the networks are sampled.
        loss: what they were trained with.
        discriminator: the architecture that judged them, unless their own did.
        penalties: added to the discriminator's loss; some losses make no sense without.
        image: what they make.
        styles: names of the labels, if conditional; of a translator in two directions, of its two sides.
        images_seen: training images shown.
        data: what they were trained on, in words, with licences.
        data_licence: of the pictures they were trained on.
        training_images: how many different pictures those were; 0 is unknown.
        metrics: scores by key, each with its protocol, as `ganstyle eval` gives them.
        name: what users call it.
        licence: of the weights.
    """

    schema_version: int = SCHEMA
    kind: str = "model"
    arch: Named
    task: Named
    loss: Named
    discriminator: Named | None = None
    penalties: list[Named] = Field(default_factory=list)
    image: Shape
    styles: list[str] = Field(default_factory=list)
    images_seen: int = 0
    data: str = ""
    data_licence: str = ""
    training_images: int = 0
    metrics: dict[str, Any] = Field(default_factory=dict)
    name: str = ""
    licence: str = ""
    ganstyle: str = ganstyle.__version__


def read_card(path: Path) -> Card:
    """Return the card of a model file without reading its tensors.

    Raises:
        ModelError: not a safetensors file, no card, or a card that doesn't validate.
    """
    text = read_header(path).metadata.get(CARD_KEY)
    if text is None:
        raise ModelError(
            f"{path.name} has no ganstyle card", where=str(path), hint="a model file is written by `ganstyle train`"
        )
    try:
        card = Card.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ModelError(
            f"{path.name} has a card that does not validate ({key}: {first['msg']})", where=str(path)
        ) from None
    if card.schema_version > SCHEMA:
        raise ModelError(
            f"{path.name} was written by a newer ganstyle ({card.ganstyle})",
            where=str(path),
            hint="pip install --upgrade ganstyle",
        )
    return card
