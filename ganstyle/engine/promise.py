"""What a resumed run may promise, and which configuration changes it accepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What can change between two starts of a run without changing a single weight.
SAFE_KEYS = (
    "train.images",
    "train.log_every_steps",
    "train.save_every_images",
    "train.preview_every_images",
    "train.preview_count",
    "train.eval_every_images",
    "train.eval_images",
    "train.on_collapse",  # until an alarm, which is told and kept in events.jsonl
    "train.keep",
    "train.workers",
    "train.rank_timeout_seconds",
    "train.data_licence",
    "metric",
    "callback",
)
# What changes rounding or the grouping of samples, but neither the samples nor their order.
ORDER_KEYS = (
    "train.batch",
    "train.micro_batch",
    "train.threads",
    "train.device",
    "train.memory_format",
    "train.precision",
    "train.compile",
)
_ENVIRONMENT = ("ganstyle", "code", "torch", "plugins", "python", "platform", "device", "threads")


@dataclass(frozen=True)
class Change:
    """One configuration key that differs.

    Attributes:
        key: dotted, e.g. `optimizer.lr`.
        old: stored value; None if it was not there.
        new: value asked for now.
        effect: `safe`, `order` (see ORDER_KEYS) or `other`, which a resume accepts only when told to.
    """

    key: str
    old: Any
    new: Any
    effect: str

    def __str__(self) -> str:
        return f"{self.key} {self.old} -> {self.new}"


def config_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return every key that differs between two configurations of `config_to_dict`, by key."""
    before, after = _flat(old), _flat(new)
    keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return [Change(key, before.get(key), after.get(key), _effect(key)) for key in keys]


def promise(saved: Mapping[str, Any], current: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return what a resume holds, and why not more.

    Args:
        saved: of the checkpoint: `environment` (of `describe_environment`), `config` (of `config_to_dict`), `data`
            (fingerprint), `world_size`.
        current: the same of this process, and `missing`, names of states that could not be restored;
            `deterministic`, whether CUDA was told to be; `uses_progress`, whether the task depends on the share of
            the budget done.

    Returns:
        `exact`: every tensor equals the uninterrupted run's. `order-exact`: the same samples in the same order.
        `approximate`: weights and counters only. And the reasons, empty when exact.
    """
    approximate, order = _data_reasons(saved, current), _machine_reasons(saved, current)
    for change in config_changes(saved.get("config", {}), current.get("config", {})):
        if change.effect == "other" or (change.key == "train.images" and _budget_matters(current)):
            approximate.append(str(change))
        elif change.effect == "order":
            order.append(str(change))
    level = "approximate" if approximate else "order-exact" if order else "exact"
    return level, approximate + order


def _data_reasons(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    reasons = [f"no saved {key}" for key in ("environment", "config", "data") if key not in saved]
    if "data" in saved and saved["data"] != current.get("data"):
        reasons.append("the data changed")
    return reasons + [f"{name} could not be restored" for name in current.get("missing", ())]


def _machine_reasons(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    before, now = saved.get("environment", {}), current.get("environment", {})
    reasons = [
        _difference(key, before.get(key), now.get(key)) for key in _ENVIRONMENT if before.get(key) != now.get(key)
    ]
    if saved.get("world_size", 1) != current.get("world_size", 1):
        reasons.append(f"world size {saved.get('world_size', 1)} -> {current.get('world_size', 1)}")
    if str(now.get("device", "")).startswith("cuda") and not current.get("deterministic", False):
        reasons.append("CUDA without deterministic kernels")
    return reasons


def _difference(key: str, old: Any, new: Any) -> str:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return f"{key} {old} -> {new}"
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return f"{key} changed: {', '.join(names)}"


def _budget_matters(current: Mapping[str, Any]) -> bool:
    optimizer = current.get("config", {}).get("optimizer", {})
    follows = optimizer.get("schedule", "constant") != "constant" or optimizer.get("final_beta2") is not None
    return follows or bool(current.get("uses_progress"))


def _effect(key: str) -> str:
    for effect, keys in (("safe", SAFE_KEYS), ("order", ORDER_KEYS)):
        if any(key == known or key.startswith(known + ".") for known in keys):
            return effect
    return "other"


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping) or not value:
        return {prefix: list(value) if isinstance(value, tuple) else value} if prefix else {}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    return flat
