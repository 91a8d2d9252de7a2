"""Freezing, modes, shapes and initial weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganstyle.errors import UsageError
from ganstyle.nn import modules as M


def two_layers():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    network[0].weight.requires_grad_(False)
    return network


def flags(network):
    return [parameter.requires_grad for parameter in network.parameters()]


def test_frozen_gives_each_parameter_its_own_flag_back():
    network = two_layers()
    with M.frozen(network) as inside:
        assert inside is network and not any(flags(network))
    assert flags(network) == [False, True, True, True]


def test_frozen_gives_flags_back_after_an_exception():
    network = two_layers()
    with pytest.raises(RuntimeError), M.frozen(network):
        raise RuntimeError
    assert flags(network) == [False, True, True, True]


def test_frozen_passes_gradients_to_the_input_only():
    network, x = nn.Linear(2, 1, bias=False), torch.ones(1, 2, requires_grad=True)
    with M.frozen(network):
        loss = network(x).sum()
    loss.backward()
    assert network.weight.grad is None and torch.equal(x.grad, network.weight)


def test_evaluating_gives_every_part_its_own_mode_back():
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout()).train()
    network[1].eval()
    with M.evaluating(network):
        assert not network.training and not network[0].training
    assert [network.training, network[0].training, network[1].training] == [True, True, False]


def test_check_shape_names_expected_and_found():
    x = torch.zeros(2, 3, 8, 8)
    assert M.check_shape(x, (None, 3, 8, 8), name="images") is x
    with pytest.raises(UsageError, match=r"images must have shape \(any, 1, 8, 8\), found \(2, 3, 8, 8\)"):
        M.check_shape(x, (None, 1, 8, 8), name="images")
    with pytest.raises(UsageError, match="found"):
        M.check_shape(x, (None, 3), name="images")


def test_normal_weights_have_the_papers_deviation():
    torch.manual_seed(0)
    network = M.initialise_normal(nn.Sequential(nn.Conv2d(64, 64, 4), nn.BatchNorm2d(512), nn.Linear(300, 300)))
    assert network[0].weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert network[2].weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert network[1].weight.mean().item() == pytest.approx(1.0, abs=0.005)
    assert all(not part.bias.any() for part in network)


def test_spectral_norm_leaves_a_largest_singular_value_of_one():
    torch.manual_seed(0)
    network = M.spectrally_normalised(nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.Embedding(3, 4)))
    x = [network[i].weight.flatten(1) for _ in range(40) for i in (0, 2, 3)][-3:]
    assert [torch.linalg.matrix_norm(weight, 2).item() for weight in x] == pytest.approx([1.0] * 3, abs=2e-3)
    assert M.has_spectral_norm(network) and not M.has_spectral_norm(nn.Linear(2, 2))


def test_batch_norm_is_found_at_any_depth():
    assert M.has_batch_norm(nn.Sequential(nn.Sequential(nn.BatchNorm2d(2))))
    assert not M.has_batch_norm(nn.Sequential(nn.GroupNorm(1, 2)))


def test_unwrapped_reaches_the_network_inside_a_wrapper():
    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

    inner = nn.Linear(1, 1)
    assert M.unwrapped(Wrapper(inner)) is inner and M.unwrapped(inner) is inner


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((64, 64), (4, 4, 4)),
        ((96, 64), (6, 4, 4)),
        ((28, 28), (7, 7, 2)),
        ((32, 128), (4, 16, 3)),
        ((40, 40), (5, 5, 3)),
    ],
)
def test_base_grid_doubles_to_the_size(size, grid):
    assert M.base_grid(*size, name="net") == grid
    assert (grid[0] * 2 ** grid[2], grid[1] * 2 ** grid[2]) == size


@pytest.mark.parametrize("size", [(100, 100), (8, 8), (512, 512), (33, 64), (16, 256)])
def test_a_size_without_a_grid_is_refused_with_sizes_that_work(size):
    with pytest.raises(UsageError) as caught:
        M.base_grid(*size, name="net")
    near = caught.value.message.split("near it: ")[1].split(", ")
    assert f"{size[0]}x{size[1]}" in caught.value.message and len(near) == 3
    for text in near:
        M.base_grid(*map(int, text.split("x")), name="net")
