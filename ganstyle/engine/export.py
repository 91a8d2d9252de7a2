"""Models for others: one file with its checksum beside it, or an ONNX graph with its measured error."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.data.writing import write_atomic, write_json
from ganstyle.engine.generation import has_latents
from ganstyle.engine.latents import CodeSpace, Pick
from ganstyle.engine.model import Model, save_model
from ganstyle.errors import EnvironmentProblem, ModelError, UsageError

OPSET = 17
COMPARED_SEEDS = 3
LARGEST_DIFFERENCE = 1e-2  # of values in [-1, 1]: about one level of 256
CHECKSUM_SUFFIX = ".sha256"


@dataclass(frozen=True)
class OnnxFile:
    """An exported graph.

    Attributes:
        path: of the graph.
        sidecar: JSON with inputs, outputs and the difference.
        max_difference: largest absolute difference to PyTorch over pictures in [-1, 1].
        opset: of the graph.
    """

    path: Path
    sidecar: Path
    max_difference: float
    opset: int


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def export_safetensors(model: Model, path: Path, *, half: bool = False, roles: list[str] | None = None) -> Path:
    """Write networks and card, and `<name>.sha256` beside them, as sha256sum reads it.

    Args:
        model: loaded.
        path: target file, replaced if it exists.
        half: store float16.
        roles: which networks; None is all the model holds.

    Raises:
        UsageError: a role that the model does not hold.
    """
    chosen = list(model.networks) if roles is None else roles
    for role in chosen:
        if role not in model.networks:
            raise UsageError(f"this model holds no {role!r}; it has {', '.join(model.networks)}", where="--role")
    save_model(path, {role: model.networks[role] for role in chosen}, model.card, half=half)
    line = f"{file_sha256(path)}  {path.name}\n"
    write_atomic(path.with_name(path.name + CHECKSUM_SUFFIX), line.encode())
    return path


def stored_sha256(path: Path) -> str | None:
    """Return the checksum that lies beside a file; None if there is none.

    Raises:
        ModelError: it is no checksum.
    """
    sidecar = path.with_name(path.name + CHECKSUM_SUFFIX)
    try:
        word = sidecar.read_text(encoding="ascii", errors="replace")[:200].split()[0].lower()
    except FileNotFoundError:
        return None
    except IndexError:
        word = ""
    if len(word) != 64 or not set(word) <= set("0123456789abcdef"):
        raise ModelError(f"{sidecar.name} holds no sha256", where=str(sidecar))
    return word


def check_onnx() -> None:
    """Refuse early what the export needs.

    Raises:
        EnvironmentProblem: onnx or onnxruntime is missing.
    """
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise EnvironmentProblem(
            f"{' and '.join(missing)} not installed", where="--format onnx", hint='pip install "ganstyle[onnx]"'
        )


def export_onnx(model: Model, path: Path) -> OnnxFile:
    """Write the generator as an ONNX graph: z (and labels) to images, any batch.

    Args:
        model: with a generator; it is moved to the CPU.
        path: target file, replaced if it exists.

    Raises:
        EnvironmentProblem: the extra `onnx` is missing.
        UsageError: a model without a generator from latents.
        ModelError: the graph computes something else than the network.
    """
    check_onnx()
    if not has_latents(model):
        raise UsageError("only generators from latents are exported as ONNX", where="--format onnx")
    generator = model.networks["generator"].cpu().eval()
    space = CodeSpace(generator)
    proto = _graph(generator, space)
    difference = _max_difference(proto.SerializeToString(), generator, space)
    if not difference <= LARGEST_DIFFERENCE:
        raise ModelError(
            f"the graph differs from the network by {difference:.2g}; nothing was written", where=str(path)
        )
    facts = _facts(model, space, difference)
    for key, value in (("ganstyle", model.card.model_dump_json()), ("ganstyle_export", json.dumps(facts))):
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    write_atomic(path, proto.SerializeToString())
    sidecar = write_json(path.with_name(path.name + ".json"), facts | {"sha256": file_sha256(path)})
    return OnnxFile(path, sidecar, difference, OPSET)


def _facts(model: Model, space: CodeSpace, difference: float) -> dict[str, Any]:
    shape = ["batch", model.image.channels, model.image.height, model.image.width]
    inputs: dict[str, Any] = {"z": {"type": "float32", "shape": ["batch", space.z_dim]}}
    if space.labels:
        inputs["labels"] = {"type": "int64", "shape": ["batch"], "styles": model.card.styles}
    return {
        "inputs": inputs,
        "outputs": {"images": {"type": "float32", "shape": shape, "range": [-1, 1]}},
        "opset": OPSET,
        "max_difference_to_pytorch": difference,
        "compared_seeds": COMPARED_SEEDS,
        "weights_sha256": model.weights_sha256,
    }


def _graph(generator: nn.Module, space: CodeSpace) -> Any:
    import onnx

    names = ["z", *(["labels"] if space.labels else [])]
    stream: Any = io.BytesIO()  # torch takes streams; its annotation knows but names
    with _quiet(), torch.no_grad():
        torch.onnx.export(
            generator,
            tuple(_inputs(space, seed=0, count=2).values()),
            stream,
            input_names=names,
            output_names=["images"],
            dynamic_axes={name: {0: "batch"} for name in [*names, "images"]},
            opset_version=OPSET,
            dynamo=False,  # traces what networks do with Python numbers, and needs no further package
        )
    proto = onnx.load_from_string(stream.getvalue())
    onnx.checker.check_model(proto)
    return proto


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # The tracer warns of everything that becomes a constant; the comparison below is what counts.
        warnings.simplefilter("ignore")
        yield


def _inputs(space: CodeSpace, *, seed: int, count: int) -> Mapping[str, Tensor]:
    z = space.draw([Pick(seed, index) for index in range(count)])
    return {"z": z} | ({"labels": torch.arange(count) % space.labels} if space.labels else {})


@torch.no_grad()
def _max_difference(graph: bytes, generator: nn.Module, space: CodeSpace) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    worst = 0.0
    for seed in range(COMPARED_SEEDS):
        # Another batch each time: a batch that was traced as a constant shows.
        inputs = _inputs(space, seed=seed, count=seed + 1)
        (made,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        expected = generator(*inputs.values())
        if made.shape != tuple(expected.shape):
            return float("inf")
        worst = max(worst, float((torch.from_numpy(made) - expected).abs().max()))
    return worst
