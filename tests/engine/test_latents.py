"""Codes of any generator: drawn by seed, truncated, interpolated, mixed."""

from __future__ import annotations

import math

import pytest
import torch
from untrained import untrained

from ganstyle.engine.generation import Sampler
from ganstyle.engine.latents import GROUP, CodeSpace, Latents, Pick, label_shares, linear, spherical
from ganstyle.errors import UsageError


def space_of(tmp_path, arch="dcgan", **options):
    return CodeSpace(untrained(tmp_path / arch, arch, **options).networks["generator"])


def test_a_latent_depends_on_its_pick_alone(tmp_path):
    space = space_of(tmp_path)
    many = space.draw([Pick(3, index) for index in range(GROUP + 4)])
    assert torch.equal(space.draw([Pick(3, GROUP + 2), Pick(3, 5)]), many[[GROUP + 2, 5]])
    assert not torch.equal(space.draw([Pick(4, 5)]), many[5:6])
    assert abs(float(space.draw([Pick(0, i) for i in range(500)]).std()) - 1) < 0.05


@pytest.mark.parametrize("arch", ["dcgan", "progan", "stylegan2"])
def test_rendered_codes_are_what_the_generator_makes_of_z(tmp_path, arch):
    space = space_of(tmp_path, arch)
    picks = [Pick(0, index) for index in range(3)]
    with torch.no_grad():
        assert torch.equal(space.render(space.latents(picks)), space.generator(space.draw(picks)))
    assert space.styled == (arch == "stylegan2") and space.shape[0] == (1 if arch != "stylegan2" else 6)


@pytest.mark.parametrize("arch", ["dcgan", "stylegan2"])
def test_whole_shares_are_labels_and_labels_take_turns(tmp_path, arch):
    space = space_of(tmp_path, arch, styles=("ink", "oil", "pen"))
    picks = [Pick(1, index) for index in range(3)]
    with torch.no_grad():
        turns = space.render(space.latents(picks))
        expected = space.generator(space.draw(picks), torch.tensor([1, 2, 0]))
    torch.testing.assert_close(turns, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("arch", ["dcgan", "stylegan2"])
def test_a_blend_of_labels_lies_between_them(tmp_path, arch):
    space = space_of(tmp_path, arch, styles=("ink", "oil"))
    shares = [[1.0, 0.0], [0.999, 0.001], [0.5, 0.5], [0.0, 1.0]]
    with torch.no_grad():
        ink, near, half, oil = (space.render(space.latents([Pick(0)], shares=torch.tensor(s))) for s in shares)
    assert (near - ink).abs().mean() < 0.05 * (oil - ink).abs().mean()
    assert (half - ink).abs().max() > 0 < (half - oil).abs().max()


def test_shares_are_normalised_and_unknown_names_suggested():
    assert label_shares({"b": 3, "a": 1}, ["a", "b", "c"]).tolist() == [0.25, 0.75, 0.0]
    with pytest.raises(UsageError, match="did you mean 'ink'"):
        label_shares({"inc": 1.0}, ["ink", "oil"])
    with pytest.raises(UsageError, match="trained without labels"):
        label_shares({"ink": 1.0}, [])


def test_truncation_scales_the_distance_to_the_mean_code(tmp_path):
    space = space_of(tmp_path, "stylegan2")
    space.generator.mean_code.fill_(0.5)
    latents = Latents(torch.full((1, 6, 8), 2.5))
    assert torch.equal(space.truncated(latents, 0.25).codes, torch.full((1, 6, 8), 1.0))
    with pytest.raises(UsageError, match="no mean code"):
        space_of(tmp_path, "dcgan").truncated(latents, 0.5)


def test_spherical_steps_are_equal_angles_and_keep_the_length():
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    for t in (0.0, 0.25, 0.5, 1.0):
        expected = 2 * torch.tensor([math.cos(t * math.pi / 2), math.sin(t * math.pi / 2)])
        torch.testing.assert_close(spherical(a, b, t), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(spherical(a, 3 * a, 0.5), 2 * a)
    assert torch.equal(linear(a, b, 0.5), torch.tensor([1.0, 1.0]))


@pytest.mark.parametrize("arch", ["dcgan", "stylegan2"])
def test_a_loop_passes_every_key_in_even_steps_and_closes(tmp_path, arch):
    space = space_of(tmp_path, arch)
    keys = Latents(space.latents([Pick(0, index) for index in range(3)]).codes.detach())
    path = space.loop(keys, 10)
    assert len(path) == 30
    torch.testing.assert_close(path.codes[::10], keys.codes, rtol=0, atol=1e-5)
    steps = (path.codes - path.codes.roll(-1, 0)).flatten(1).norm(dim=1)
    assert steps.max() < 0.25 * (keys.codes[0] - keys.codes[1]).norm()


def test_a_loop_fades_the_labels_as_well(tmp_path):
    space = space_of(tmp_path, styles=("ink", "oil"))
    keys = Latents(torch.ones(2, 1, 8), torch.eye(2))
    shares = space.loop(keys, 4).shares
    assert shares[:, 0].tolist() == [1.0, 0.75, 0.5, 0.25, 0.0, 0.25, 0.5, 0.75]


def test_mixtures_take_the_named_layers_from_the_columns(tmp_path):
    space = space_of(tmp_path, "stylegan2")
    rows, columns = (
        Latents(torch.zeros(2, 6, 8)),
        Latents(torch.stack([torch.full((6, 8), k) for k in (1.0, 2.0, 3.0)])),
    )
    table = space.mixed(rows, columns, [0, 1]).codes.view(2, 3, 6, 8)
    assert table[:, :, 2:].eq(0).all() and table[1, :, 0, 0].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(UsageError, match="nothing to mix"):
        space_of(tmp_path, "dcgan").mixed(rows, columns, [0])


def test_pictures_stream_in_groups_whose_size_changes_nothing(tmp_path):
    model = untrained(tmp_path / "run")
    sampler, small = Sampler(model), Sampler(model)
    small._size = 3
    picks = [Pick(0, index) for index in range(20)]
    groups = list(small.pictures(picks))
    assert max(map(len, groups)) == 3
    assert (torch.cat(groups).int() - torch.cat(list(sampler.pictures(picks))).int()).abs().max() <= 1
