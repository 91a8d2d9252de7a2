"""The task: who learns when, from what."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.backbones import Tapped, named_backbone
from ganstyle_styles.tasks import AdaStyleTask, AdaStyleTaskOptions, lattice_loss, shifted

from ganstyle.api import Batch
from ganstyle.errors import UsageError
from ganstyle.functional.style import content_distance
from ganstyle.testing import check_task


@pytest.fixture
def make_task(networks, hinge):
    def make(penalties=(), loss=hinge, **options):
        return AdaStyleTask(AdaStyleTaskOptions(**options), networks, loss=loss, penalties=penalties)

    return make


def gradient_of(network):
    return sum(float(p.grad.abs().sum()) for p in network.parameters() if p.grad is not None)


def test_the_kit_passes():
    check_task(AdaStyleTask, arch="adastyle", size=(48, 48))


def test_the_schedule_rebuilds_then_paints_then_listens_to_the_rival(make_task):
    task, seen = make_task(reconstruction_share=0.1, d_start=0.2, ramp_start=0.4, ramp_end=0.6, adversarial=0.5), []
    for fraction in (0.0, 0.15, 0.3, 0.5, 0.6, 1.0):
        task.progress(fraction)
        seen.append((task.rebuilding, task.d_learns, round(task.adversarial, 6)))
    on = [(False, True, weight) for weight in (0.0, 0.25, 0.5, 0.5)]
    assert seen == [(True, False, 0.0), (False, False, 0.0), *on]


def test_without_adversarial_weight_the_rival_never_learns(make_task, networks, batch):
    task = make_task(adversarial=0.0)
    task.progress(1.0)
    task.discriminator_loss(batch, 0).backward()
    assert gradient_of(networks["discriminator"]) == 0


def test_rebuilding_is_the_mean_absolute_difference(make_task, networks, batch):
    task = make_task()
    networks["stylizer"].eval()
    loss, parts = task.stylizer_loss(batch, 0)
    content = batch["images"]
    expected = (networks["stylizer"](content, content) - content).abs().mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert list(parts) == ["identity"]


def test_the_loss_is_the_weighted_sum_of_its_parts(make_task, batch):
    task = make_task(content=2.0, style=3.0, variation=5.0, lattice=7.0, colour=11.0, light=13.0, calm_start=0)
    task.progress(0.1)
    loss, parts = task.stylizer_loss(batch, 1)
    expected = 2 * parts["content"] + 3 * parts["style"] + 5 * parts["variation"] + 7 * parts["lattice"]
    expected = expected + 11 * parts["colour"] + 13 * parts["light"]
    assert set(parts) == {"style", "content", "variation", "lattice", "colour", "light"}
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("phase", "learner", "other"), [(0, "stylizer", "discriminator"), (1, "discriminator", "stylizer")]
)
def test_a_phase_gives_gradients_to_its_own_network_only(make_task, networks, batch, phase, learner, other):
    task = make_task()
    task.progress(1.0)
    found = task.phases[phase].loss(batch, 0)
    (found[0] if isinstance(found, tuple) else found).backward()
    assert gradient_of(networks[learner]) > 0
    assert gradient_of(networks[other]) == 0


def test_layout_and_style_are_those_of_the_backbone_that_was_asked_for(make_task, networks, batch, monkeypatch):
    networks["stylizer"].eval()  # no skip is dropped
    lite0 = named_backbone("efficientnet_lite0")
    shallow = Tapped(lite0.network, style_taps=("b0.depthwise",), content_taps=("b1.output",))
    asked = []

    def found(name, options):
        asked.append((name, options))
        return shallow

    losses = {}
    for name in ("efficientnet_lite0", "mine"):
        if name == "mine":
            monkeypatch.setattr("ganstyle_styles.tasks.named_backbone", found)
        task = make_task(backbone=name, backbone_options={"download": True} if name == "mine" else {}, window=0)
        task.progress(0.1)
        losses[name] = task.stylizer_loss(batch, 1)[1]
    assert asked == [("mine", {"download": True})]
    painted = task.stylizer.stylize(batch["images"], task.stylizer.encode(batch["style"]), seed=1)
    maps = [shallow(shifted(images, 1), ("b1.output",)) for images in (painted, batch["images"])]
    expected = content_distance(*maps, ("b1.output",)).mean().item()
    assert losses["mine"]["content"].item() == pytest.approx(expected, rel=1e-4)
    assert losses["mine"]["style"].item() != pytest.approx(losses["efficientnet_lite0"]["style"].item(), rel=1e-2)
    monkeypatch.undo()
    with pytest.raises(UsageError, match="unknown backbone 'vgg61'; did you mean 'vgg1"):
        make_task(backbone="vgg61")


@pytest.mark.parametrize("name", ["lattice", "colour", "light"])
def test_what_has_no_weight_is_not_measured(make_task, batch, name):
    task = make_task(calm_start=0, **{name: 0.0})
    task.progress(0.1)
    assert name not in task.stylizer_loss(batch, 1)[1]


def test_each_painting_has_the_colours_of_its_own_work(make_task, batch):
    task = make_task()
    task.progress(0.1)
    before = task.stylizer_loss(batch, 1)[1]["colour"]
    shifted_colours = Batch({**batch, "style": (batch["style"] + 0.5).clamp(-1, 1)})
    assert task.stylizer_loss(shifted_colours, 1)[1]["colour"] > before + 0.1


def test_a_lattice_costs_its_share_and_other_textures_cost_nothing():
    pattern = torch.rand(4, 4, generator=torch.Generator().manual_seed(0)).repeat(24, 24).expand(2, 3, -1, -1)
    waves = torch.sin(torch.arange(96) * 2 * torch.pi / 11).expand(2, 3, 96, 96)  # pays below 0 before it is cut off
    assert lattice_loss(pattern).item() == pytest.approx(2.0, abs=1e-4)  # of period 4, so of period 8 as well
    assert lattice_loss(waves).item() < 0.05


def test_styles_are_compared_by_windows_where_pictures_hold_several(make_task, batch):
    images = batch["images"]
    grids = [make_task(window=window, calm_start=0).matching(images, images) for window in (16, 32, 40, 64, 0)]
    assert [None if grid is None else grid.shape[1] for grid in grids] == [16, 4, None, None, None]


def test_what_keeps_areas_calm_comes_after_whole_pictures(make_task, batch):
    task, images, seen = make_task(window=16, calm_start=0.6), batch["images"], []
    for fraction in (0.0, 0.5, 0.6, 1.0):
        task.progress(fraction)
        seen.append(task.matching(images, images) is not None)
    assert seen == [False, False, True, True]
    for fraction, calm in ((0.5, set()), (0.7, {"light", "lattice"})):
        task.progress(fraction)
        assert set(task.stylizer_loss(batch, 1)[1]) & {"light", "lattice"} == calm


def test_windows_change_what_is_asked_for(make_task, batch):
    styles = []
    for window in (0, 16):
        task = make_task(window=window, calm_start=0)
        task.progress(0.1)
        styles.append(task.stylizer_loss(batch, 1)[1]["style"].item())
    assert styles[0] != pytest.approx(styles[1], rel=1e-3)


def test_penalties_are_lazy_and_weighted_by_their_interval(make_task, batch):
    class Penalty:
        every = 4

        def __call__(self, network, real, fake):
            assert network(real).shape == network(fake).shape
            return torch.tensor(10.0)

    torch.manual_seed(0)
    task = make_task(penalties=[Penalty()])
    task.progress(1.0)
    task.D.eval()
    with_penalty, without = (task.discriminator_loss(batch, step).item() for step in (4, 5))
    assert with_penalty - without == pytest.approx(40.0, abs=1.0)  # the noise seed differs


def test_penalties_on_logits_get_those_of_the_works_and_of_the_painted(make_task, batch):
    class Penalty:
        on, every, given = "logits", 1, None

        def __call__(self, network, real, fake):
            self.given = (real, fake)
            return real.new_zeros(())

    penalty = Penalty()
    task = make_task(penalties=[penalty], wrong_style=0.0)
    task.progress(1.0)
    loss = task.discriminator_loss(batch, 0)
    assert loss.item() == task.loss.discriminator(*penalty.given).item()


def test_penalties_on_codes_or_with_averages_are_refused(make_task):
    class OnCodes:
        on, every = "codes", 1

    class Averaging:
        every, begin = 1, None

    for penalty in (OnCodes(), Averaging()):
        with pytest.raises(UsageError, match="no latent codes, and this task keeps no averages"):
            make_task(penalties=[penalty])


def test_a_relativistic_loss_is_shown_the_real_works(make_task, batch, hinge):
    class Relativistic:
        relativistic = True
        discriminator = staticmethod(lambda real, fake: (fake - real).mean())
        generator = staticmethod(lambda real, fake: (real - fake).mean())

    task = make_task(loss=Relativistic())
    task.progress(1.0)
    _, parts = task.stylizer_loss(batch, 1)
    assert torch.isfinite(parts["adversarial"])


def test_shifted_drops_three_rows_and_columns_in_sixteen_ways():
    image = torch.arange(49.0).view(1, 1, 7, 7)
    corners = {float(shifted(image, step)[0, 0, 0, 0]) for step in range(16)}
    assert corners == {7.0 * top + left for top in range(4) for left in range(4)}
    assert shifted(image, 5).shape == (1, 1, 4, 4)


def test_samples_are_the_batch_painted_and_repeat_beyond_it(make_task, networks, batch):
    task = make_task()
    networks["stylizer"].eval()
    first, again = (task.sample(networks, 5, generator=torch.Generator().manual_seed(3), batch=batch) for _ in "ab")
    assert torch.equal(first, again)
    assert first.shape == (5, 3, 64, 64)
    assert torch.allclose(first[3:], first[:2], atol=1e-5)


def test_samples_need_something_to_paint(make_task, networks):
    with pytest.raises(ValueError, match="need a batch with 'images' and 'style'"):
        make_task().sample(networks, 2, generator=torch.Generator(), batch=Batch())
