"""Loss scales move as they should; formats are refused where they make no sense; low precision trains both players."""

from __future__ import annotations

import pytest
import torch

from ganstyle.api import Batch
from ganstyle.config import resolve
from ganstyle.engine.precision import LossScale, check_precision
from ganstyle.engine.session import open_session
from ganstyle.engine.stepping import advance
from ganstyle.errors import UsageError
from ganstyle.registry import default_registry

CPU = torch.device("cpu")
TINY = ("train.resolution=16", "train.batch=4", "arch.base_channels=4", "train.device=cpu", "optimizer.lr=0.01")


def after(results, **options):
    """Return the scale after each step; 1 is an overflow."""
    scale, found = LossScale(CPU, **options), []
    for overflowed in results:
        scale.update(torch.tensor(float(overflowed)))
        found.append(scale.scale.item())
    return found


def test_an_overflow_halves_the_scale_and_a_row_of_good_steps_doubles_it():
    assert after([0, 0, 1, 0, 0, 0, 0], start=8.0, interval=3) == [8, 8, 4, 4, 4, 8, 8]


def test_the_scale_stops_at_its_limit():
    assert after([0, 0, 0], start=2.0, interval=1, largest=4.0) == [4, 4, 4]


def test_float16_on_a_cpu_is_refused_with_a_format_that_works():
    with pytest.raises(UsageError, match="float16 is for GPUs") as caught:
        check_precision(CPU, "float16")
    assert "train.precision=bfloat16" in caught.value.hint
    check_precision(torch.device("cuda"), "float16")
    check_precision(CPU, "bfloat16")


@pytest.mark.parametrize("share", ["true", "false"])
def test_bfloat16_moves_both_players_in_nearly_the_direction_of_float32(share):
    moved = {}
    for precision in ("float32", "bfloat16"):
        registry = default_registry()
        sets = [*TINY, f"train.precision={precision}", f"task.share_fakes={share}", "task.augment=[]"]
        session = open_session(resolve(registry, sets=sets), registry)
        before = {role: weights(network) for role, network in session.task.networks.items()}
        advance(session, Batch(images=torch.linspace(-1, 1, 4 * 3 * 256).reshape(4, 3, 16, 16)))
        moved[precision] = {role: weights(network) - before[role] for role, network in session.task.networks.items()}
    for role, change in moved["float32"].items():
        assert torch.cosine_similarity(change, moved["bfloat16"][role], dim=0) > 0.8


def weights(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
