"""Styles without torch: a base model's painter and style encoder as ONNX graphs, which onnxruntime runs on the CPU.

Importing torch takes longer than painting a photograph; importing onnxruntime takes a tenth of that. Imports no torch.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from ganstyle.api import Architecture
from ganstyle.errors import EnvironmentProblem, GanstyleError
from ganstyle.style.painters import Code, Pixels

THREADS_VARIABLE = "OMP_NUM_THREADS"  # what torch obeys, too
KEPT_INPUT_BYTES = 4 << 20  # of a megapixel; its memory of some 200 MB is kept from picture to picture
_GPU_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg", r"C:\Windows\System32\nvcuda.dll")

Array = NDArray[Any]
Session = Callable[[Mapping[str, Array]], Sequence[Array]]


class GraphStylizer(Protocol):
    """What `Architecture.graph` builds; its methods are those of `painters.TilePainter`.

    It may have an attribute `adapter_length`, as there, and one more method, `encode(picture) -> code`: uint8 (H, W, 3)
    of any size, taken as it is, to float32 (D,). Where it is missing or None the network encodes.
    """

    code_length: int | None

    def paint_tile(
        self, content: Pixels, code: Code, *, statistics: Any = None, offset: tuple[int, int] = (0, 0), seed: int = 0
    ) -> Pixels:
        """Paint uint8 (H, W, 3)."""
        ...

    def measure(self, content: Pixels, code: Code, *, seed: int = 0) -> Any:
        """Return the moments that all pieces normalise by."""
        ...

    def release(self) -> None:
        """Close sessions; the next call opens them again."""
        ...


class GraphPainter:
    """A painter on the CPU that needs no torch.

    Args:
        stylizer: what paints.
    """

    device = "cpu"

    def __init__(self, stylizer: GraphStylizer) -> None:
        self.stylizer = stylizer
        self.code_length = stylizer.code_length
        self.adapter_length: int = getattr(stylizer, "adapter_length", 0)
        self.can_encode = getattr(stylizer, "encode", None) is not None
        self.engine = f"onnxruntime {importlib.metadata.version('onnxruntime')}"

    def paint_tile(
        self, content: Pixels, code: Code, *, statistics: Any = None, offset: tuple[int, int] = (0, 0), seed: int = 0
    ) -> Pixels:
        """Paint uint8 (H, W, 3) in the style of a code float32 (D,); see `painters.TilePainter`."""
        return self.stylizer.paint_tile(content, code, statistics=statistics, offset=offset, seed=seed)

    def measure(self, content: Pixels, code: Code, *, seed: int = 0) -> Any:
        """Return the moments of uint8 (H, W, 3); see `painters.TilePainter`."""
        return self.stylizer.measure(content, code, seed=seed)

    def encode(self, picture: Pixels) -> Code:
        """Return the code, float32 (D,), of uint8 (H, W, 3); to be asked only of one that `can_encode`.

        Raises:
            EnvironmentProblem: something that encoding needs is missing or damaged.
        """
        try:
            return self.stylizer.encode(picture)  # type: ignore[attr-defined]
        except (OSError, ValueError) as error:
            raise EnvironmentProblem(f"the style encoder failed: {error}", hint="ganstyle doctor") from error

    def release(self) -> None:
        """Have the sessions closed, with the memory that they keep."""
        self.stylizer.release()

    def on_cpu(self) -> GraphPainter:
        """Return itself."""
        return self


def graph_painter(
    record: Architecture, options: Mapping[str, Any], weights: Mapping[str, Array]
) -> GraphPainter | None:
    """Return the painter of an architecture that knows its graph; None if it doesn't, or the weights don't fit it.

    Args:
        record: of the architecture.
        options: of the model, as in its card.
        weights: name in the stylizer's state to array.

    Raises:
        EnvironmentProblem: the plugin's function can't be imported, or fails.
    """
    if not record.graph:
        return None
    try:
        return GraphPainter(_target(record.graph)(options, weights, open_session))
    except (KeyError, ValueError):  # other tensors or shapes: the network itself will say which
        return None
    except GanstyleError:
        raise
    except Exception as error:
        message = f"the graph of arch {record.name!r} failed: {type(error).__name__}: {error}"
        raise EnvironmentProblem(message, where=str(record.graph), hint="ganstyle doctor") from error


def _target(graph: str | Callable[..., Any]) -> Callable[..., Any]:
    if callable(graph):
        return graph
    module, _, attribute = graph.partition(":")
    return getattr(importlib.import_module(module), attribute)


def open_session(model: bytes, *, threads: int | None = None) -> Session:
    """Return an ONNX graph as a function from inputs by name to the list of outputs, on the CPU.

    Args:
        model: bytes of a model file.
        threads: default `$OMP_NUM_THREADS`, else one for each core that this process may use.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or thread_count()
    options.inter_op_num_threads = 1
    # Threads that wait in a loop would cost half as much processor time again (measured on 2 cores).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # errors come as exceptions, and running out of memory is answered
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    shrink = onnxruntime.RunOptions()
    shrink.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(inputs: Mapping[str, Array]) -> Sequence[Array]:
        # Otherwise the memory of the largest picture stays taken; for small ones, asking for it anew costs a tenth.
        large = sum(array.nbytes for array in inputs.values()) > KEPT_INPUT_BYTES
        return session.run(None, dict(inputs), shrink if large else None)

    return run


def thread_count() -> int:
    """Return how many threads to use: `$OMP_NUM_THREADS`, else the cores that this process may use."""
    given = os.environ.get(THREADS_VARIABLE, "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def may_have_gpu() -> bool:
    """Whether asking torch for a GPU is worth its import: a driver is there, or an Apple processor."""
    import platform

    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(Path(file).exists() for file in _GPU_FILES)
