"""The kit over the whole registry: every component of ours keeps the contract that plugins must keep."""

from __future__ import annotations

import functools

import pytest

from ganstyle.api import KINDS
from ganstyle.registry import Registry, load_registry
from ganstyle.testing import NotCheckable, check_component, check_plugin

# Small networks and counts: the contract doesn't depend on them.
TRANSLATOR = {"base_channels": 4, "blocks": 1, "d_channels": 4}
SMALL = {
    **dict.fromkeys(("arch.cut", "arch.fastcut", "arch.sincut"), TRANSLATOR | {"embedding": 8}),
    "arch.cyclegan": TRANSLATOR,
    "arch.multistyle": TRANSLATOR | {"style_dim": 4, "z_dim": 3, "hidden": 8, "encoder_channels": 4},
    "arch.dcgan": {"base_channels": 4, "z_dim": 8},
    "arch.fastgan": {"base_channels": 4, "max_channels": 8, "z_dim": 8},
    "arch.progan": {"base_channels": 4, "max_channels": 8, "z_dim": 8},
    "arch.projected": {"channels": 4, "side": 64},
    "arch.r3gan": {"base_channels": 4, "max_channels": 8, "z_dim": 8},
    "metric.ppl": {"samples": 8},
    "arch.stylegan2": {"base_channels": 4, "max_channels": 8, "z_dim": 8, "w_dim": 8},
}


@functools.cache
def built_ins() -> Registry:
    return load_registry(plugins=False)


NAMES = [f"{kind}.{name}" for kind in KINDS for name in built_ins().names(kind)]


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_component_keeps_the_contract(name):
    kind, _, component = name.partition(".")
    try:
        check_component(built_ins().get(kind, component), SMALL.get(name), registry=built_ins())
    except NotCheckable as reason:
        pytest.skip(reason.message)


def test_the_built_in_plugins_are_checked_whole():
    """Import, table and recipes; the components themselves are checked one by one above."""
    report = check_plugin("ganstyle_data")
    assert {"data.embedded"} <= set(report.checked)
    assert set(report.skipped) <= {f"data.{name}" for name in built_ins().names("data")} - {"data.embedded"}


def test_every_component_belongs_to_a_plugin_that_loaded():
    assert [status.key for status in built_ins().plugins if status.error] == []
    assert len(NAMES) == sum(len(status.components) for status in built_ins().plugins)
