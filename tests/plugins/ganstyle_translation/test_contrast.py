"""PatchNCE: its formula, its limits, where its pieces come from."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ganstyle_translation.contrast import Projector, patch_nce, places_of


def unit_rows(shape, seed):
    rows = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows, dim=-1)


def formula(queries, keys, temperature):
    """Eq. 3 of the paper in float64, piece by piece."""
    losses = []
    for query_rows, key_rows in zip(queries.double().numpy(), keys.double().numpy()):
        for place, query in enumerate(query_rows):
            likeness = np.exp([float(query @ key) / temperature for key in key_rows])
            losses.append(-math.log(likeness[place] / likeness.sum()))
    return float(np.mean(losses))


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_it_is_the_formula_of_the_paper(temperature):
    queries, keys = unit_rows((3, 7, 5), 0), unit_rows((3, 7, 5), 1)
    found = patch_nce(queries, keys, temperature=temperature).item()
    assert found == pytest.approx(formula(queries, keys, temperature), rel=1e-5)


def test_pieces_that_can_all_be_told_apart_cost_almost_nothing():
    rows = torch.eye(6)[None]
    expected = math.log(1 + 5 * math.exp(-1 / 0.07))
    assert patch_nce(rows, rows).item() == pytest.approx(expected, abs=1e-6)


def test_pieces_that_all_look_alike_cost_the_logarithm_of_their_number():
    rows = unit_rows((1, 1, 4), 2).expand(2, 9, 4)
    assert patch_nce(rows, rows).item() == pytest.approx(math.log(9), rel=1e-5)


def test_the_opposite_of_every_key_costs_more_than_chance():
    rows = torch.eye(4)[None]
    assert patch_nce(-rows, rows).item() > math.log(4)


def test_across_the_batch_all_pieces_compete():
    queries, keys = unit_rows((3, 4, 5), 3), unit_rows((3, 4, 5), 4)
    found = patch_nce(queries, keys, across=True).item()
    assert found == pytest.approx(formula(queries.flatten(0, 1)[None], keys.flatten(0, 1)[None], 0.07), rel=1e-5)


def test_keys_get_no_gradient():
    queries, keys = unit_rows((1, 4, 3), 5).requires_grad_(), unit_rows((1, 4, 3), 6).requires_grad_()
    patch_nce(queries, keys).backward()
    assert queries.grad.abs().sum() > 0
    assert keys.grad is None


def test_the_projector_gives_unit_vectors_of_the_chosen_places():
    torch.manual_seed(0)
    projector, taps = Projector((3, 5), 8), [torch.randn(2, 3, 4, 4), torch.randn(2, 5, 2, 2)]
    places = [torch.tensor([0, 5]), torch.tensor([3])]
    found = projector(taps, places)
    assert [tuple(rows.shape) for rows in found] == [(2, 2, 8), (2, 1, 8)]
    assert torch.allclose(found[0].norm(dim=2), torch.ones(2, 2), atol=1e-5)
    by_hand = torch.nn.functional.normalize(projector.heads[0](taps[0][:, :, 1, 1]), dim=1)
    assert torch.allclose(found[0][:, 1], by_hand, atol=1e-6)


def test_places_depend_on_the_step_alone_and_never_repeat():
    taps = [torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 2, 3)]
    first, again, later = (places_of(taps, step, count=16) for step in (4, 4, 5))
    assert all(torch.equal(one, two) for one, two in zip(first, again))
    assert not torch.equal(first[0], later[0])
    assert [len(place) for place in first] == [16, 6]
    assert len(set(first[0].tolist())) == 16
