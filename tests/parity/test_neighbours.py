"""Precision, recall, density and coverage of the same features beside prdc and torch-fidelity."""

from __future__ import annotations

import contextlib
import io

import pytest
import torch

from ganstyle.functional.feature_pairs import FeaturePair
from ganstyle.functional.neighbours import neighbourhoods

COUNTS = [10, 500, 3000]


@pytest.fixture(scope="module", params=COUNTS)
def sets(request, feature_sets):
    """Generated and real features, on a tenth of the widths so that some are within reach."""
    fake, real = (one[:, :200] for one in feature_sets(request.param))
    return fake * 0.9, real


def test_open_balls_equal_prdc(sets):
    peer = pytest.importorskip("prdc")
    fake, real = sets
    with contextlib.redirect_stdout(io.StringIO()):
        expected = peer.compute_prdc(real.double().numpy(), fake.double().numpy(), nearest_k=5)
    found = neighbourhoods(FeaturePair(fake, real), k=5, closed=False)
    assert vars(found) == {name: pytest.approx(value, abs=1e-12) for name, value in expected.items()}
    assert 0 < found.coverage  # something is within reach


def test_closed_balls_equal_torch_fidelity(sets):
    peer = pytest.importorskip("torch_fidelity.metric_prc")
    settings = {"prc_neighborhood": 3, "prc_batch_size": 10000, "save_cpu_ram": False, "verbose": False}
    expected = peer.prc_features_to_metric(*(one.double() for one in sets), **settings)
    found = neighbourhoods(FeaturePair(*sets), k=3, closed=True)
    assert found.precision == pytest.approx(expected["precision"], abs=1e-6)
    assert found.recall == pytest.approx(expected["recall"], abs=1e-6)


def test_copies_lie_on_the_surface_only_where_it_belongs_to_the_ball(feature_sets):
    rows = feature_sets(10)[1][:, :200]
    same = FeaturePair(rows, torch.cat([rows[:5], rows[:5] + 100]))
    closed, opened = (neighbourhoods(same, k=1, closed=surface) for surface in (True, False))
    assert closed.precision >= opened.precision
