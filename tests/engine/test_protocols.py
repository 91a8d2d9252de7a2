"""Protocols of other tools."""

from __future__ import annotations

import pytest

from ganstyle.api import Evaluator
from ganstyle.config import Selection
from ganstyle.engine.protocols import protocol_metrics, protocol_names
from ganstyle.errors import UsageError
from ganstyle.registry import PluginStatus, Registry, load_registry


def registry():
    """Two metrics of two plugins that know a tool each, one of them both."""
    found = Registry()
    first = Evaluator("b", "One.", "m:f", compat={"other-tool": {"resize": "x"}})
    second = Evaluator("a", "Two.", "m:f", compat={"other-tool": {}, "own-tool": {"k": 3}})
    for key, component in (("p:one", first), ("p:two", second)):
        found.add(PluginStatus(key, key, "p", "1", components=(component,)))
    return found


def test_any_plugin_can_join_a_protocol_or_found_one():
    assert protocol_names(registry()) == ["other-tool", "own-tool"]
    expected = (Selection("a", {}), Selection("b", {"resize": "x"}))
    assert protocol_metrics("other-tool", registry=registry()) == expected
    assert protocol_metrics("own-tool", registry=registry()) == (Selection("a", {"k": 3}),)


def test_an_unknown_protocol_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="own-tool"):
        protocol_metrics("own-tol", registry=registry())


def test_options_of_the_built_in_protocols_are_options_of_their_metrics():
    found = load_registry(plugins=False)
    for tool in ("torch-fidelity", "pytorch-fid", "clean-fid", "torchmetrics"):
        for chosen in protocol_metrics(tool, registry=found):
            model = found.options_model(found.get("metric", chosen.name))
            assert set(chosen.options) <= set(model.model_fields)
            model(**chosen.options)
