"""What a GAN can't be made of, with the reasons; and freezing the discriminator's lower layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from ganstyle.api import LossLike, RegularizerLike
from ganstyle.errors import UsageError
from ganstyle.nn.modules import has_batch_norm, has_spectral_norm, unwrapped


def penalised(penalty: RegularizerLike) -> str:
    """Return what a penalty is called with: "images", "logits" or "codes"."""
    return getattr(penalty, "on", "images")


def check_combination(networks: Mapping[str, nn.Module], loss: LossLike, penalties: Sequence[RegularizerLike]) -> None:
    """Refuse what can't train.

    Raises:
        UsageError: a missing role; a per-picture penalty on a network with batch norm; penalties that want different
            slopes of D; an unbounded loss on a D without any constraint.
    """
    for role in ("generator", "discriminator"):
        if role not in networks:
            raise UsageError(f"task gan needs a {role}; this architecture has {', '.join(networks)}", where="arch")
    _check_batch_norm(networks, penalties)
    _check_slopes(penalties)
    judged = [penalty for penalty in penalties if getattr(penalty, "per_picture", False) and _judges(penalty)]
    if getattr(loss, "unbounded", False) and not judged and not has_spectral_norm(networks["discriminator"]):
        raise UsageError(
            "the Wasserstein loss has no lower bound unless D is constrained",
            where="loss",
            hint="--set arch.norm=spectral, or --set arch.norm=none --set 'regularizer=[\"gradient_penalty\"]'",
        )


def _judges(penalty: RegularizerLike) -> bool:
    return penalised(penalty) != "codes"


def _check_batch_norm(networks: Mapping[str, nn.Module], penalties: Sequence[RegularizerLike]) -> None:
    for penalty in penalties:
        if not getattr(penalty, "per_picture", False):
            continue
        if _judges(penalty) and has_batch_norm(networks["discriminator"]):
            raise UsageError(
                "a gradient penalty is per picture, but batch norm in D mixes the pictures of a batch",
                where="regularizer",
                hint="--set arch.norm=none or --set arch.norm=spectral, or drop the regularizer",
            )
        if not _judges(penalty) and has_batch_norm(networks["generator"]):
            raise UsageError(
                "the path length is per picture, but batch norm in G mixes the pictures of a batch",
                where="regularizer",
                hint="--set arch=stylegan2, progan or r3gan, or drop the regularizer",
            )


def _check_slopes(penalties: Sequence[RegularizerLike]) -> None:
    """Once G is good, real, generated and intermediate pictures are the same ones."""
    wanted = {getattr(penalty, "slope", None) for penalty in penalties} - {None}
    if len(wanted) > 1:
        slopes = " and ".join(f"{slope:g}" for slope in sorted(wanted))
        raise UsageError(
            f"the penalties pull the length of D's gradient to {slopes} at once",
            where="regularizer",
            hint="keep r1 and r2, or keep gradient_penalty",
        )


def freeze_lower_layers(discriminator: nn.Module, count: int) -> None:
    """Exclude D's first `count` lower layers from training, for transfer (freeze-D, arXiv:2002.10964).

    Args:
        discriminator: with `lower_layers()` from the picture inwards, if count is positive.
        count: layers.

    Raises:
        UsageError: it offers no or fewer layers.
    """
    if not count:
        return
    offered = getattr(unwrapped(discriminator), "lower_layers", list)()
    if count > len(offered):
        raise UsageError(
            f"can't freeze {count} layers of the discriminator: it offers {len(offered)}",
            where="task.freeze_d",
            hint=f"--set task.freeze_d={len(offered)} or less",
        )
    for layer in offered[:count]:
        layer.requires_grad_(False)
