"""Ranks together compute what one process computes; a process alone is untouched."""

from __future__ import annotations

import copy

import pytest
import torch
from several_ranks import forking
from torch import nn

from ganstyle.nn import ranks


@pytest.fixture
def together(tmp_path):
    """Run a function of this module in two ranks and return what each returned."""
    yield lambda function, *arguments: forking().start(function, tmp_path / "ranks", *arguments).results()
    forking().end_all()


def network(norm=True):
    """Convolutions with batch normalisation between; every parameter away from its neutral value."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Tanh(), nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4), nn.Tanh()]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5, affine=False, momentum=None))
    for parameter in net.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return net.double()


def pictures():
    return torch.randn(8, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def penalised(net, x):
    """Return a loss with a gradient penalty, so that its own gradient goes through the statistics twice."""
    x = x.clone().requires_grad_(True)
    out = net(x)
    (slope,) = torch.autograd.grad(out.pow(3).sum(), x, create_graph=True)
    return out.sin().mean() + slope.square().flatten(1).sum(1).mean()


def test_a_process_alone_is_rank_0_of_1_and_its_means_are_its_own():
    value = torch.tensor([1.0, 2.0])
    assert (ranks.rank(), ranks.world_size(), ranks.joined()) == (0, 1, False)
    assert ranks.mean_over_ranks(value) is value
    assert torch.equal(ranks.gathered(value), value[None])


def means(_):
    from ganstyle.engine.distributed import among_ranks, connect

    with among_ranks():
        connect(timeout_s=20)
        own = torch.tensor([1.0, 10.0]) * (ranks.rank() + 1)
        mean = ranks.mean_over_ranks(own)
        return [ranks.rank(), ranks.world_size(), own.tolist(), mean.tolist(), ranks.gathered(own).tolist()]


def test_means_and_gathers_are_over_all_ranks_and_leave_the_input_alone(together):
    both = [[1.0, 10.0], [2.0, 20.0]]
    assert together(means, 0) == [[rank, 2, both[rank], [1.5, 15.0], both] for rank in (0, 1)]


def gradients_of_my_share(_):
    from ganstyle.engine.distributed import among_ranks, average_gradients, connect

    with among_ranks():
        connect(timeout_s=20)
        net = ranks.join_batch_norms(network())
        penalised(net, pictures()[ranks.rank() :: 2]).backward()
        average_gradients(net.parameters())
        values = [parameter.grad for parameter in net.parameters()] + list(net.buffers())
        return [value.double().flatten().tolist() for value in values]


def test_gradients_through_batch_norm_of_first_and_second_order_equal_those_of_the_joint_batch(together):
    one, two = together(gradients_of_my_share, 0)
    net = network()
    penalised(net, pictures()).backward()
    expected = [parameter.grad for parameter in net.parameters()] + list(net.buffers())
    assert one == two  # the same bits on every rank
    assert len(one) == len(expected) == 19
    for found, wanted in zip(one, expected, strict=True):
        assert torch.allclose(torch.tensor(found, dtype=torch.float64), wanted.double().flatten(), atol=1e-10)


def test_joined_batch_norm_keeps_names_parameters_and_what_one_process_computes():
    net = network()
    plain, names = copy.deepcopy(net), list(net.state_dict())
    parameters = list(net.parameters())
    net = ranks.join_batch_norms(net)
    assert list(net.state_dict()) == names and all(a is b for a, b in zip(net.parameters(), parameters, strict=True))
    assert [type(part) for part in net if isinstance(part, ranks.JointBatchNorm)] == [ranks.JointBatchNorm] * 3
    assert torch.equal(net(pictures()), plain(pictures()))
    assert torch.equal(net.eval()(pictures()), plain.eval()(pictures()))
