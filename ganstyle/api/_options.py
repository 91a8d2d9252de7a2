"""Options: declared once, beside the code that uses them; text to values; errors with the remedy."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ganstyle.errors import UsageError

OptionsT = TypeVar("OptionsT", bound="Options")


class Options(BaseModel):
    """Base of every options model: immutable, strict, finite, unknown keys refused.

    Every field needs a default and a description: `Annotated[int, Field(ge=1, description="...")] = 64`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?`, or the known words when none is close."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.55)
    if close:
        return "did you mean " + " or ".join(repr(name) for name in close) + "?"
    return "known: " + ", ".join(known) if known else "there are none"


def parse_value(text: str) -> Any:
    """Read a TOML literal, else keep the text; `none` means None.

    >>> parse_value("1e-3"), parse_value("true"), parse_value("cats"), parse_value("none")
    (0.001, True, 'cats', None)
    """
    if text == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"] if "\n" not in text else text
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def make_options(model: type[OptionsT], values: Mapping[str, Any], *, prefix: str) -> OptionsT:
    """Validate values against an options model.

    Args:
        model: the component's options class.
        values: option name to value, as read from recipe or command line.
        prefix: how the user spells the section, e.g. `arch` or `metric.fid`.

    Raises:
        UsageError: unknown key or bad value; says which, what was found, and what is accepted.
    """
    unknown = sorted(set(values) - set(model.model_fields))
    if unknown:
        key = unknown[0]
        raise UsageError(
            f"{prefix} has no option {key!r}; {suggest(key, model.model_fields)}",
            where=f"{prefix}.{key}",
            hint=f"options of {prefix}: {', '.join(model.model_fields) or 'none'}",
        )
    try:
        # Strict, but "an integer is a float" and "a list is a tuple" hold, as TOML has no other way to say them.
        return model.model_validate(_widened(model, values))
    except ValidationError as error:
        raise _usage_error(error, prefix) from None


def _widened(model: type[Options], values: Mapping[str, Any]) -> dict[str, Any]:
    widened = dict(values)
    for key, value in values.items():
        if isinstance(value, list) and "tuple" in str(model.model_fields[key].annotation):
            widened[key] = tuple(value)
    return widened


def _usage_error(error: ValidationError, prefix: str) -> UsageError:
    first = error.errors()[0]
    key = ".".join([prefix, *(str(part) for part in first["loc"])])
    found = first.get("input")
    return UsageError(f"{key}: {first['msg']}, found {found!r}", where=key, hint=f"--set {key}=VALUE")


def describe_options(model: type[Options]) -> list[dict[str, Any]]:
    """Return name, type, default, range and description of every option, for listings and the reference."""
    schema = model.model_json_schema()
    return [_described(name, schema, field.default) for name, field in model.model_fields.items()]


def _described(name: str, schema: Mapping[str, Any], default: Any) -> dict[str, Any]:
    entry = schema["properties"][name]
    variants = entry.get("anyOf", [entry])
    return {
        "name": name,
        "type": " or ".join(_type_text(variant) for variant in variants),
        "default": default,
        "range": " ".join(text for variant in variants if (text := _range_text(variant))),
        "description": entry.get("description", ""),
    }


def _type_text(variant: Mapping[str, Any]) -> str:
    if "enum" in variant:
        return "|".join(map(str, variant["enum"]))
    if "const" in variant:
        return str(variant["const"])
    return "none" if variant.get("type") == "null" else str(variant.get("type", "value"))


def _range_text(variant: Mapping[str, Any]) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {variant[key]}" for key, sign in signs.items() if key in variant)
