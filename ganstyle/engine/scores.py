"""What an evaluation answers: values with all that is needed to compare them. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Score:
    """One value, with everything that is needed to compare it.

    Attributes:
        metric: name of the evaluator.
        key: name of the value; holds the protocol.
        value: None if the metric failed.
        n_fake: generated pictures, pairs, or frames of films.
        n_real: real pictures; 0 if they don't concern the metric.
        paired: whether pairs were scored, with references or within the generated pictures.
        protocol: the definition in words.
        resize: how pictures got to the network's size.
        weights_sha256: of the network.
        interval: 95 %, if known.
        higher_is_better: direction.
        warnings: what a reader must know, in plain words.
        error: why there is no value.
        hint: what helps.
        code: exit code of the error; 0 without.
        counted: what `n_fake` counts: `images`, `pairs`, `films` or `latents`.
    """

    metric: str
    key: str
    value: float | None = None
    n_fake: int = 0
    n_real: int = 0
    paired: bool = False
    protocol: str = ""
    resize: str = ""
    weights_sha256: str = ""
    interval: tuple[float, float] | None = None
    higher_is_better: bool = False
    warnings: tuple[str, ...] = ()
    error: str = ""
    hint: str = ""
    code: int = 0
    counted: str = "images"


def score_from_dict(stored: Mapping[str, Any]) -> Score:
    """Return a score that was written with `dataclasses.asdict` and went through JSON.

    Raises:
        TypeError, ValueError: it is none.
    """
    known = {field.name for field in fields(Score)}
    parts = {key: value for key, value in stored.items() if key in known}
    interval = parts.get("interval")
    if interval is not None:
        low, high = (float(end) for end in interval)
        parts["interval"] = (low, high)
    return Score(**parts | {"warnings": tuple(map(str, parts.get("warnings", ())))})


def score_to_dict(score: Score) -> dict[str, Any]:
    """Return a score in JSON types."""
    return asdict(score)
