"""Only networks that a compiled graph can train are compiled, their weights keep their names, and the rest is told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ganstyle.engine import compiling
from ganstyle.engine.compiling import compile_networks


@pytest.fixture
def compiled(monkeypatch):
    """Note what is compiled, and let torch.compile do nothing."""
    networks = []
    monkeypatch.setattr(torch, "compile", lambda function: function)
    monkeypatch.setattr(nn.Module, "compile", lambda self: networks.append(self))
    return networks


def task_with(*targets, growing=False):
    networks = {"generator": nn.Linear(2, 2), "discriminator": nn.Linear(2, 1)}
    if growing:
        networks["generator"].set_progress = lambda fraction: None
    return SimpleNamespace(networks=networks, penalties=[SimpleNamespace(on=target) for target in targets])


@pytest.mark.parametrize(
    ("targets", "growing", "expected"),
    [
        ((), False, {"generator", "discriminator"}),
        (("logits",), False, {"generator", "discriminator"}),
        (("images",), False, {"generator"}),
        (("codes",), False, {"discriminator"}),
        (("images",), True, set()),
    ],
)
def test_networks_that_grow_or_are_differentiated_twice_are_left_out_and_named(compiled, targets, growing, expected):
    task = task_with(*targets, growing=growing)
    notes = compile_networks(task)
    assert {role for role, network in task.networks.items() if any(network is one for one in compiled)} == expected
    assert len(notes) == 2 - len(expected)
    assert all(any(role in note for note in notes) for role in task.networks.keys() - expected)


@pytest.mark.parametrize(("padding", "kept"), [("replicate", 1), ("zeros", 0)])
def test_a_network_that_repeats_edges_is_left_out(compiled, padding, kept):
    task = task_with()
    task.networks["generator"] = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, padding_mode=padding))
    notes = compile_networks(task)
    assert len(notes) == kept and len(compiled) == 2 - kept
    assert all("the generator is not compiled, it repeats edges" in note for note in notes)


def test_without_a_compiler_training_goes_on_and_says_why(monkeypatch, compiled):
    def refuse(function):
        raise RuntimeError("No working C++ compiler found\nand a long trace")

    monkeypatch.setattr(torch, "compile", refuse)
    (note,) = compile_networks(task_with())
    assert compiled == [] and "No working C++ compiler found);" in note and "trace" not in note


@pytest.mark.slow
@pytest.mark.timeout(900)  # a loaded machine compiles slowly
def test_a_compiled_network_computes_the_same_and_keeps_the_names_of_its_weights():
    task = task_with("images")
    network, names = task.networks["generator"], set(task.networks["generator"].state_dict())
    x = torch.randn(3, 2)
    expected = network(x)
    if compiling._missing(torch.device("cpu")):
        pytest.skip("no compiler")
    compile_networks(task)
    torch.testing.assert_close(network(x), expected)
    assert set(network.state_dict()) == names
