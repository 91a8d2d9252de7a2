"""Weights of a checkpoint into networks: all of them, or one message that names everything that differs."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from ganstyle.errors import ModelError


def load_networks(
    networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor], *, guards: Mapping[str, Tensor | None]
) -> None:
    """Fill networks from a checkpoint.

    Args:
        networks: by the prefix of their tensors, e.g. `ema/generator/`.
        tensors: the checkpoint's weights by full name.
        guards: phase name to the state of its optimizer; None if the checkpoint has none.

    Raises:
        ModelError: another architecture or shape; names every tensor that is missing, unexpected or of another shape.
            Nothing was changed.
    """
    expected = {prefix + key: value for prefix, net in networks.items() for key, value in net.state_dict().items()}
    problems = differences(expected, tensors)
    phases = [name for name, guard in guards.items() if guard is None]
    problems += [f"no optimizer state of phase {name}" for name in phases]
    if problems:
        raise ModelError(
            f"the checkpoint is of other networks: {'; '.join(problems)}",
            hint="resume with the options that the run was started with (its config.json)",
        )
    for prefix, network in networks.items():
        network.load_state_dict({key.removeprefix(prefix): tensors[key] for key in expected if key.startswith(prefix)})


def differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Return one phrase for each kind of difference between two sets of named tensors; empty if they match."""
    missing, unexpected = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    shapes = [
        f"{name} ({_shape(found[name])}, here {_shape(expected[name])})"
        for name in sorted(expected.keys() & found.keys())
        if found[name].shape != expected[name].shape
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
    return [f"{len(names)} tensors {kind}: {', '.join(names)}" for kind, names in kinds.items() if names]


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"
