"""Options: declared once, beside the code that uses them; errors with the remedy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from ganstyle.api._words import suggest
from ganstyle.errors import UsageError

OptionsT = TypeVar("OptionsT", bound="Options")


class Options(BaseModel):
    """Base of every options model: immutable, strict, finite, unknown keys refused.

    Every field needs a default and a description: `Annotated[int, Field(ge=1, description="...")] = 64`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


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
        # JSON rules: strict, but a list is a tuple, text a path and an integer a float, as in any recipe or run folder.
        return model.model_validate_json(json.dumps(_spelled(model, values), default=str))
    except ValidationError as error:
        raise _usage_error(error, prefix) from None
    except (RecursionError, TypeError, ValueError) as error:
        raise UsageError(f"{prefix}: not a plain value: {error}", where=prefix) from None


def _spelled(model: type[Options], values: Mapping[str, Any]) -> dict[str, Any]:
    """Where a choice is called `none`, `arch.norm=none` means that word and not None."""
    words = {key for key, field in model.model_fields.items() if "none" in get_args(field.annotation)}
    return {key: "none" if value is None and key in words else value for key, value in values.items()}


def _usage_error(error: ValidationError, prefix: str) -> UsageError:
    first = error.errors(include_url=False)[0]
    key = ".".join([prefix, *(str(part) for part in first["loc"])])
    found = first.get("input")
    meant_text = first["type"] == "string_type" and isinstance(found, (int, float))
    value = f"'\"{found}\"'" if meant_text else "VALUE"
    return UsageError(
        f"{key}: {first['msg'].removeprefix('Value error, ')}, found {_short(found)}",
        where=key,
        hint=f"--set {key}={value}",
    )


def _short(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def describe_options(model: type[Options]) -> list[dict[str, Any]]:
    """Return name, type, default, range and description of every option, for listings and the reference.

    Defaults are plain JSON values: what a recipe would hold.
    """
    schema = model.model_json_schema()
    defaults = model.model_construct().model_dump(mode="json", warnings=False)
    return [_described(name, schema, defaults.get(name)) for name in model.model_fields]


def _described(name: str, schema: Mapping[str, Any], default: Any) -> dict[str, Any]:
    entry = schema["properties"][name]
    variants = [_followed(variant, schema) for variant in entry.get("anyOf", [entry])]
    return {
        "name": name,
        "type": " or ".join(_type_text(variant) for variant in variants),
        "default": default,
        "range": ", ".join(text for variant in variants if (text := _range_text(variant))),
        "description": entry.get("description", ""),
    }


def _followed(variant: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = variant.get("$ref", "").rpartition("/")[2]
    return schema["$defs"][reference] if reference else variant


def _type_text(variant: Mapping[str, Any]) -> str:
    if "enum" in variant:
        return "|".join(map(str, variant["enum"]))
    if "const" in variant:
        return str(variant["const"])
    if "prefixItems" in variant:
        return "[" + ", ".join(_type_text(item) for item in variant["prefixItems"]) + "]"
    if variant.get("type") == "array":
        return f"list of {_type_text(variant.get('items', {}))}"
    name = str(variant.get("type", "value"))
    return {"null": "none", "string": str(variant.get("format", "text"))}.get(name, name)


def _range_text(variant: Mapping[str, Any]) -> str:
    items = variant.get("prefixItems") or [variant.get("items") or {}]
    inner = [text for item in items if (text := _limits(item))]
    return ", ".join([text for text in [_limits(variant)] if text] + [f"each {text}" for text in dict.fromkeys(inner)])


def _limits(variant: Mapping[str, Any]) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {variant[key]}" for key, sign in signs.items() if key in variant)
