"""Graphs of stylizers: what onnxruntime paints and encodes is what torch paints and encodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ganstyle.api import Architecture
from ganstyle.style.graph import GraphPainter, graph_painter
from ganstyle.style.painters import TilePainter, TorchPainter, network_code
from ganstyle.testing._findings import Findings
from ganstyle.testing._subject import Subject

LEVELS = 1
"""Of 255, by which a pixel may differ."""
CODE_LIMIT = 1e-3
"""By which a number of a code may differ, as a share of the code's largest."""
PIECE = (40, 56)
SHIFT = (8, 16)  # multiples of 8, as the contract says

Array = NDArray[Any]


def check_graph(subject: Subject, stylizer: nn.Module, findings: Findings) -> None:
    """Compare `Architecture.graph` with the network whose weights it gets; nothing to do without a graph.

    Args:
        subject: the architecture under test.
        stylizer: its network, on the CPU.
        findings: where breaches go.
    """
    record = subject.component
    if not isinstance(record, Architecture) or not record.graph:
        return
    network: Any = stylizer.eval()
    weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    drawn = graph_painter(record, subject.options.model_dump(mode="json"), weights)
    remedy = "take every name and shape from the stylizer's state_dict"
    if not findings.require(drawn is not None, "its graph refuses its own network's weights", remedy) or drawn is None:
        return
    network_painter, code = TorchPainter(network, "cpu"), _code(network)
    told = drawn.code_length
    findings.require(told in (None, len(code)), f"the graph's code_length is {told}, a code has {len(code)}", "equal")
    codes = [code]
    if length := drawn.adapter_length:
        own = network_painter.adapter_length
        unequal = f"the graph's adapter_length is {length}, the network's {own}"
        if findings.require(length == own, unequal, "equal, or none at all of the graph's"):
            codes.append(_with_adapter(code, length))
    for _ in range(2):
        for one in codes:
            _compare(drawn, network_painter, one, findings=findings)
        if drawn.can_encode:
            _compare_codes(drawn, network, findings=findings)
        drawn.release()


def _compare(drawn: TilePainter, network: TilePainter, code: Array, *, findings: Findings) -> None:
    """Paint a picture by its own moments, and a piece by those of the whole."""
    picture = _picture()
    whole = [painter.paint_tile(picture, code, seed=3) for painter in (drawn, network)]
    _require_alike(whole[0], whole[1], "a picture", findings=findings)
    piece = picture[SHIFT[0] :, SHIFT[1] :]
    pieces = [
        painter.paint_tile(piece, code, statistics=painter.measure(picture, code, seed=3), offset=SHIFT, seed=3)
        for painter in (drawn, network)
    ]
    _require_alike(pieces[0], pieces[1], "a piece with the moments of the whole", findings=findings)


def _compare_codes(drawn: GraphPainter, network: Any, *, findings: Findings) -> None:
    """Encode pictures of sizes that no stride divides."""
    for size in ((64, 64), (37, 90)):
        picture = np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8)
        wanted, found = network_code(network, picture), drawn.encode(picture)
        plain = found.shape == wanted.shape and found.dtype == np.float32
        told = f"the graph encodes a picture as {found.dtype} {found.shape}, not float32 {wanted.shape}"
        if not findings.require(plain, told, "return float32 (D,)"):
            return
        most = float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-6))
        told = f"the graph's code of {size[1]}x{size[0]} pixels is {most:.2g} apart from the network's"
        findings.require(most <= CODE_LIMIT, told, f"at most {CODE_LIMIT:g} of the code's largest number")


def _require_alike(drawn: Array, wanted: Array, what: str, *, findings: Findings) -> None:
    plain = drawn.shape == wanted.shape and drawn.dtype == np.uint8
    found = f"the graph paints {what} as {drawn.dtype} {drawn.shape}, not uint8 {wanted.shape}"
    if not findings.require(plain, found, "return uint8 (H, W, 3)"):
        return
    most = int(np.abs(drawn.astype(int) - wanted.astype(int)).max())
    remedy = f"at most {LEVELS}: same layers, same padding, same noise"
    findings.require(most <= LEVELS, f"the graph paints {what} up to {most} levels of 255 apart from torch", remedy)


def _picture() -> Array:
    height, width = PIECE
    drawn = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return drawn.repeat(8, 0).repeat(8, 1)


def _code(stylizer: Any) -> Array:
    works = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        return stylizer.encode(works)[0].float().numpy()


def _with_adapter(code: Array, length: int) -> Array:
    return np.concatenate([code, 0.05 * np.random.default_rng(4).standard_normal(length, dtype=np.float32)])
