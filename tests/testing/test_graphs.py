"""Graphs of stylizers under the conformance check: adastyle's own passes, every kind of wrong one is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ganstyle.registry import default_registry
from ganstyle.testing import ConformanceError, check_architecture

SMALL = {"base_channels": 8, "blocks": 1}
SIZES = ((16, 24),)


def record_with(graph):
    return replace(default_registry().get("arch", "adastyle"), graph=graph)


def built_by(options, weights, open_session):
    from ganstyle_styles.graph import build_graph

    return build_graph(options, weights, open_session)


class Changed:
    """adastyle's graph with one fault; a third party's needs no more than these members."""

    def __init__(self, options, weights, open_session):
        self.right = built_by(options, weights, open_session)
        self.code_length = self.right.code_length

    def paint_tile(self, content, code, **how):
        return self.right.paint_tile(content, code, **how)

    def measure(self, content, code, *, seed=0):
        return self.right.measure(content, code, seed=seed)

    def release(self):
        self.right.release()


class Darker(Changed):
    def paint_tile(self, content, code, **how):
        painted = super().paint_tile(content, code, **how)
        return painted // 2


class Cropped(Changed):
    def paint_tile(self, content, code, **how):
        return super().paint_tile(content, code, **how)[1:]


class ForgetfulOfMoments(Changed):
    def paint_tile(self, content, code, *, statistics=None, **how):
        return super().paint_tile(content, code, **how)


class Longer(Changed):
    def __init__(self, options, weights, open_session):
        super().__init__(options, weights, open_session)
        self.code_length += 1


class Adapted(Changed):
    def __init__(self, options, weights, open_session):
        super().__init__(options, weights, open_session)
        self.adapter_length = self.right.adapter_length


class MoreAdapter(Adapted):
    def __init__(self, options, weights, open_session):
        super().__init__(options, weights, open_session)
        self.adapter_length += 1


class ForgetfulOfAdapters(Adapted):
    def paint_tile(self, content, code, **how):
        return super().paint_tile(content, code[: self.code_length], **how)


class Encoding(Changed):
    def encode(self, picture):
        return self.right.encode(picture)


class EncodingWrongly(Changed):
    def encode(self, picture):
        return self.right.encode(picture[:, ::-1]) * np.float32(1.01)


class EncodingShorter(Changed):
    def encode(self, picture):
        return self.right.encode(picture)[1:]


def of_other_names(options, weights, open_session):
    return built_by(options, {f"painter.{name}": array for name, array in weights.items()}, open_session)


def failures_of(graph):
    with pytest.raises(ConformanceError) as error:
        check_architecture(record_with(graph), SMALL, sizes=SIZES)
    return str(error.value)


@pytest.mark.parametrize("graph", [built_by, Changed, Adapted, Encoding])
def test_a_graph_that_paints_as_the_network_passes(graph):
    assert check_architecture(record_with(graph), SMALL, sizes=SIZES) is None


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (Darker, "the graph paints a picture up to"),
        (Cropped, "the graph paints a picture as uint8 (39, 56, 3), not uint8 (40, 56, 3)"),
        (ForgetfulOfMoments, "the graph paints a piece with the moments of the whole up to"),
        (Longer, "the graph's code_length is"),
        (MoreAdapter, "the graph's adapter_length is"),
        (ForgetfulOfAdapters, "the graph paints a picture up to"),
        (EncodingWrongly, "the graph's code of 64x64 pixels is"),
        (EncodingShorter, "the graph encodes a picture as float32"),
        (of_other_names, "its graph refuses its own network's weights"),
    ],
)
def test_a_wrong_graph_is_named(graph, message):
    assert message in failures_of(graph)
