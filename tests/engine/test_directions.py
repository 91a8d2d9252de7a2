"""Directions are singular vectors: against numpy, and by what they do to a linear generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from untrained import untrained

from ganstyle.engine.directions import direction_of, edited, principal_directions
from ganstyle.engine.latents import CodeSpace, Latents, Pick
from ganstyle.errors import UsageError


class LinearGenerator(nn.Module):
    """Pictures of 3 x 2 x 2 numbers, a linear map of z."""

    z_dim, labels = 4, 0

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(12, 4, generator=torch.Generator().manual_seed(0)))

    def forward(self, z, labels=None):
        return (z @ self.weight.T).view(-1, 3, 2, 2)

    def style_weights(self):
        return self.weight


def test_directions_are_the_right_singular_vectors_of_numpy():
    matrix = torch.randn(30, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    directions, values = principal_directions(matrix)
    _, expected, vectors = np.linalg.svd(matrix.numpy(), full_matrices=False)
    np.testing.assert_allclose(values, expected, rtol=1e-10)
    np.testing.assert_allclose(np.abs(np.sum(directions.numpy() * vectors, 1)), 1.0, atol=1e-8)


def test_the_largest_component_is_positive_so_that_signs_never_flip():
    matrix = torch.randn(9, 5, generator=torch.Generator().manual_seed(4))
    directions, _ = principal_directions(matrix, 3)
    again, _ = principal_directions(-matrix, 3)
    assert len(directions) == 3 and torch.equal(directions, again)
    assert (directions.gather(1, directions.abs().argmax(1, keepdim=True)) > 0).all()


def test_the_first_direction_changes_the_pictures_of_a_linear_generator_most():
    generator = LinearGenerator()
    space, start = CodeSpace(generator), Latents(torch.zeros(1, 1, 4))
    changes = []
    for number in range(1, 5):
        pictures = space.render(edited(space, start, number=number, strengths=[0.0, 1.0]))
        changes.append((pictures[1] - pictures[0]).norm().item())
    _, values = principal_directions(generator.weight)
    assert changes == sorted(changes, reverse=True)
    assert changes == pytest.approx(values.tolist(), rel=1e-5)


def test_strengths_count_in_deviations_of_the_codes(tmp_path):
    space = CodeSpace(untrained(tmp_path, "stylegan2").networks["generator"])
    codes = space.latents([Pick(0)]).codes.detach()
    direction = direction_of(space.generator, 1).float()
    moved = edited(space, Latents(codes), number=1, strengths=[2.0]).codes
    many = space.latents([Pick(0, index) for index in range(1024)]).codes
    deviation = float((many @ direction).std(0).mean().detach())
    torch.testing.assert_close(moved - codes, (2 * deviation * direction).expand(1, 6, 8), rtol=1e-4, atol=1e-5)


def test_edits_come_row_by_row_and_touch_only_the_named_layers(tmp_path):
    space = CodeSpace(untrained(tmp_path, "stylegan2").networks["generator"])
    codes = torch.randn(2, 6, 8)
    found = edited(space, Latents(codes), number=2, strengths=[-1.0, 0.0, 1.0], layers=[1, 2]).codes.view(2, 3, 6, 8)
    assert torch.equal(found[:, 1], codes) and torch.equal(
        found[:, :, [0, 3, 4, 5]], codes[:, None, [0, 3, 4, 5]].expand(-1, 3, -1, -1)
    )
    torch.testing.assert_close(found[:, 0] + found[:, 2], 2 * codes)


@pytest.mark.parametrize("arch", ["dcgan", "progan", "stylegan2"])
def test_every_architecture_offers_weights_as_wide_as_its_codes(tmp_path, arch):
    generator = untrained(tmp_path, arch, styles=("a", "b")).networks["generator"]
    assert direction_of(generator, 1).shape == (CodeSpace(generator).shape[1],)
    with pytest.raises(UsageError, match="1 to 8"):
        direction_of(generator, 9)


def test_a_generator_without_weights_to_factorize_says_so():
    with pytest.raises(UsageError, match="no style weights"):
        direction_of(nn.Identity(), 1)
