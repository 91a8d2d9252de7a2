"""The GAN task: two networks, two losses (arXiv:1406.2661)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from ganstyle.api import Batch, LossLike, Options, Phase, RegularizerLike
from ganstyle.errors import UsageError
from ganstyle.nn.modules import device_of, evaluating, frozen, unwrapped
from ganstyle_gans.ada import GROUPS, Ada
from ganstyle_gans.augment import AUGMENTATIONS, augment
from ganstyle_gans.combinations import check_combination, freeze_lower_layers, penalised
from ganstyle_gans.judging import Judge, logit_facts, reaching

LATENTS = "latents"
Logged = tuple[Tensor, dict[str, Tensor]]
"""A scalar loss and what to log beside it."""


class GanOptions(Options):
    """Options of the task `gan`."""

    d_steps: Annotated[int, Field(ge=1, le=100, description="Steps of D for each step of G.")] = 1
    d_lr_factor: Annotated[float, Field(gt=0, le=100, description="D's learning rate over G's.")] = 1.0
    share_fakes: Annotated[
        bool, Field(description="One set of fakes a step for both players: faster, needs more memory.")
    ] = False
    freeze_d: Annotated[int, Field(ge=0, le=64, description="D's lower layers that don't learn, for transfer.")] = 0
    augment: Annotated[
        tuple[str, ...],
        Field(description="For D: [ada] alone, or DiffAugment: any of color, translation, cutout; [] is off."),
    ] = ()
    ada_p: Annotated[float, Field(ge=0, le=1, description="ADA: probability of each transform at the start.")] = 0.0
    ada_p_final: Annotated[
        float | None,
        Field(ge=0, le=1, description="ADA: probability at the end of the budget, without a controller; none is with."),
    ] = None
    ada_target: Annotated[float, Field(gt=0, lt=1, description="ADA: wanted mean sign of D's real logits.")] = 0.6
    ada_speed_images: Annotated[
        int, Field(ge=1000, description="ADA: pictures in which the probability can go from 0 to 1.")
    ] = 500_000
    ada_groups: Annotated[
        tuple[Literal["blit", "geom", "color"], ...],
        Field(min_length=1, description="ADA: flips, turns and shifts; scale, rotation, stretch; colours."),
    ] = GROUPS

    @field_validator("augment")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(names) - {*AUGMENTATIONS, "ada"}):
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(AUGMENTATIONS)}, ada")
        if "ada" in names and len(names) > 1:
            raise ValueError("ada has its own colours and shifts; name it alone")
        return names


class GanTask:
    """A generator against a discriminator.

    Attributes:
        networks: `generator` and `discriminator`.
        phases: D first, then G.
        averaged: the generator.
    """

    averaged = ("generator",)

    def __init__(
        self,
        options: GanOptions,
        networks: Mapping[str, nn.Module],
        *,
        loss: LossLike,
        penalties: Sequence[RegularizerLike],
    ) -> None:
        """Keep the players.

        Args:
            options: of the task.
            networks: role to module; D's frozen layers stop requiring gradients here.
            loss: what each player minimises.
            penalties: added to a player's loss.

        Raises:
            UsageError: a missing role, a combination that makes no sense, or more frozen layers than there are.
        """
        self.options, self.networks, self.loss, self.penalties = options, dict(networks), loss, tuple(penalties)
        check_combination(networks, loss, penalties)
        self.generator, self.discriminator = networks["generator"], networks["discriminator"]
        freeze_lower_layers(self.discriminator, options.freeze_d)
        self.ada = _ada(options)
        self.phases = (
            self._phase("discriminator", self.discriminator_loss, lr_factor=options.d_lr_factor),
            self._phase("generator", self.generator_loss, every=options.d_steps),
        )
        self._begun: dict[str, int] = {}
        self._latest: dict[str, Tensor] = {}
        self._drawn: tuple[Batch, Tensor] | None = None
        self._shared: tuple[int, Tensor] | None = None

    def _phase(self, player: str, loss: Any, *, lr_factor: float = 1.0, every: int = 1) -> Phase:
        """Scale rate and betas by k / (k + 1) where penalties are due every k steps (arXiv:1912.04958, app. B)."""
        interval = max((penalty.every for penalty in self.penalties_of(player)), default=1)
        lazy = interval / (interval + 1) if interval > 1 else 1.0
        return Phase(player, (player,), loss, lr_factor=lr_factor * lazy, every=every, beta_power=lazy)

    def penalties_of(self, player: str) -> list[RegularizerLike]:
        """Return the penalties that train the `generator` or the `discriminator`."""
        return [part for part in self.penalties if (penalised(part) == "codes") == (player == "generator")]

    def discriminator_loss(self, batch: Batch, step: int) -> Logged:
        """Raise D(x), lower D(G(z)); penalties that are due join in, times `every` (arXiv:1912.04958, app. B).

        Penalties see the pictures as D does, augmented.

        Args:
            batch: images float (B, C, H, W) in [-1, 1], perhaps labels int64 (B,) and latents float (B, z_dim).
            step: counts from 0.

        Returns:
            Scalar; what to log, see `logit_facts`, with `ada_p` and each penalty's latest value by its name.
        """
        self._begin("discriminator", step)
        labels = self.labels(batch)
        due, judge = self._due("discriminator", step), Judge(self.discriminator, labels)
        fake = reaching(self.seen(self._fakes_for_d(batch, step), real=False), "fake", due)
        real = reaching(self.seen(batch["images"], real=True), "real", due)
        (real_logits, auxiliary), fake_logits = judge.real(real), judge(fake)
        judge.remember(real, real_logits)
        judge.remember(fake, fake_logits)
        loss = self.loss.discriminator(real_logits, fake_logits)
        facts = logit_facts(self.loss, real_logits, fake_logits)
        if self.ada is not None:
            facts["ada_p"] = self.ada.p
            self.ada.observe(facts["sign"], len(real))
        if auxiliary is not None:
            facts["auxiliary"] = auxiliary.detach()
            loss = loss + auxiliary
        given = {"images": (real, fake), "logits": (real_logits, fake_logits)}
        for penalty in due:
            loss = loss + self._term(penalty, judge, *given[penalised(penalty)])
        return loss, facts | self._values("discriminator")

    def generator_loss(self, batch: Batch, step: int) -> Logged:
        """Raise D(G(z)); D only passes gradients on. Penalties on codes join in.

        Args:
            batch: as for `discriminator_loss`.
            step: counts from 0.

        Returns:
            Scalar; each penalty's latest value by its name.
        """
        self._begin("generator", step)
        labels = self.labels(batch)
        with frozen(self.discriminator) as discriminator:
            fake = self.seen(self._fakes_for_g(batch, step), real=False)
            fake_logits = discriminator(fake, labels)
            real_logits = None
            if self.loss.relativistic:
                real_logits = discriminator(self.seen(batch["images"], real=True), labels)
            loss = self.loss.generator(real_logits, fake_logits)
        for penalty in self._due("generator", step // self.options.d_steps):
            loss = loss + self._term(penalty, *self._codes(batch, getattr(penalty, "shrink", 1)))
        return loss, self._values("generator")

    def _fakes_for_d(self, batch: Batch, step: int) -> Tensor:
        """Return pictures without a graph; keep them with it, if G is to learn from the same ones in this step."""
        self._shared = None
        is_whole = self._drawn is not None and len(self._drawn[1]) == len(batch)
        share = self.options.share_fakes and is_whole and step % self.options.d_steps == 0
        with torch.set_grad_enabled(share):
            fakes = self.generator(self.latents(batch), self.labels(batch))
        self._shared = (step, fakes) if share else None
        if step % self.options.d_steps:
            self._drawn = None  # no turn of G's follows
        return fakes.detach()

    def _fakes_for_g(self, batch: Batch, step: int) -> Tensor:
        shared, self._shared, self._drawn = self._shared, None, None
        if shared is not None and shared[0] == step and len(shared[1]) == len(batch):
            return shared[1]
        return self.generator(self.latents(batch), self.labels(batch))

    def _begin(self, player: str, step: int) -> None:
        """Tell penalties and ADA that a step starts, once for all its micro-batches."""
        if self._begun.get(player) == step:
            return
        self._begun[player] = step
        adaptive = [self.ada] if self.ada is not None and player == "discriminator" else []
        for part in (*self.penalties_of(player), *adaptive):
            if hasattr(part, "begin"):
                part.begin(step)

    def _due(self, player: str, step: int) -> list[RegularizerLike]:
        return [penalty for penalty in self.penalties_of(player) if step % penalty.every == 0]

    def _term(self, penalty: RegularizerLike, *given: Any) -> Tensor:
        value = penalty(*given)
        self._latest[name_of(penalty)] = value.detach()
        return penalty.every * value

    def _values(self, player: str) -> dict[str, Tensor]:
        """Return the latest value of each penalty: lazy ones would seldom meet a logged step."""
        names = map(name_of, self.penalties_of(player))
        return {name: self._latest[name] for name in names if name in self._latest}

    def _codes(self, batch: Batch, shrink: int) -> tuple[Any, Tensor, Tensor]:
        """Return (synthesis, codes, images) for a share of a batch; without style codes they are the latents."""
        network: Any = unwrapped(self.generator)
        part = Batch({key: value[: max(1, len(batch) // shrink)] for key, value in batch.items() if key != LATENTS})
        labels, z = self.labels(part), self.latents(part)
        with torch.autocast(z.device.type, enabled=False):
            if hasattr(network, "codes"):
                codes, synthesis = network.codes(z, labels), network.synthesise
            else:
                codes, synthesis = z[:, None], lambda codes: network(codes[:, 0], labels)
            codes = codes if codes.requires_grad else codes.requires_grad_(True)
            return synthesis, codes, synthesis(codes)

    def draw(self, batch: Batch) -> Batch:
        """Return the batch with its latents, so that its micro-batches have those of the joint batch."""
        if self._drawn is None or self._drawn[0] is not batch or not self.options.share_fakes:
            self._drawn = (batch, self.latents(batch))
        return Batch({**batch, LATENTS: self._drawn[1]})

    def latents(self, batch: Batch) -> Tensor:
        """Return float (B, z_dim): those of `draw`, or standard normal from torch's global random state."""
        if LATENTS in batch:
            return batch[LATENTS]
        generator: Any = unwrapped(self.generator)
        return torch.randn(len(batch), generator.z_dim, device=batch["images"].device)

    def labels(self, batch: Batch) -> Tensor | None:
        """Return int64 (B,), or None for an unconditional generator.

        Raises:
            UsageError: a conditional generator and pictures without labels.
        """
        if not getattr(unwrapped(self.generator), "labels", 0):
            return None
        if "labels" not in batch:
            raise UsageError(
                "a conditional generator needs labelled pictures, these have none",
                where="train.conditional",
                hint="put each style into its own folder, or --set train.conditional=false",
            )
        return batch["labels"]

    def seen(self, images: Tensor, *, real: bool) -> Tensor:
        """Return the pictures as D gets them: at its stage of growth, then augmented.

        Args:
            images: float (B, C, H, W) in [-1, 1].
            real: fade them as a growing generator fades its own.
        """
        prepare = getattr(unwrapped(self.discriminator), "prepare", None)
        images = images if prepare is None else prepare(images, real=real)
        return augment(images, self.options.augment) if self.ada is None else self.ada(images)

    def _parts(self) -> dict[str, Any]:
        """Return what may follow the budget or have a state besides the networks."""
        return {name_of(part): part for part in self.penalties} | ({} if self.ada is None else {"ada": self.ada})

    @property
    def follows_budget(self) -> bool:
        """Whether the share of the budget done changes anything; a longer run then differs from its start on."""
        grows = any(hasattr(unwrapped(network), "set_progress") for network in self.networks.values())
        return grows or any(
            getattr(part, "follows_budget", hasattr(part, "progress")) for part in self._parts().values()
        )

    def progress(self, fraction: float) -> None:
        """Let networks grow and penalties follow their schedules.

        Args:
            fraction: share of the budget done, in [0, 1].
        """
        networks = [getattr(unwrapped(network), "set_progress", None) for network in self.networks.values()]
        for follow in (*networks, *(getattr(part, "progress", None) for part in self._parts().values())):
            if follow is not None:
                follow(fraction)

    def strengthen(self, level: int, *, since: int) -> str:
        """After collapses, penalise D more strongly, or, if no penalty can be, augment more; return what was done.

        Args:
            level: collapses so far.
            since: those before the present state was saved.
        """
        penalties = [part for part in self.penalties if hasattr(part, "strengthen")]
        parts: list[Any] = [*penalties] or ([] if self.ada is None else [self.ada])
        return ", ".join(filter(None, (part.strengthen(level, since=since) for part in parts)))

    def state_tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint needs besides the networks: ADA's probability, moving averages of penalties."""
        stateful = {name: part for name, part in self._parts().items() if hasattr(part, "state_tensors")}
        return {f"{name}/{key}": x for name, part in stateful.items() for key, x in part.state_tensors().items()}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Go back to what `state_tensors` returned; absent keys leave their value."""
        self._begun.clear()
        self._latest.clear()
        for name, part in self._parts().items():
            if hasattr(part, "load_state_tensors"):
                own = {key.removeprefix(f"{name}/"): x for key, x in tensors.items() if key.startswith(f"{name}/")}
                part.load_state_tensors(own)

    @torch.no_grad()
    def sample(
        self,
        networks: Mapping[str, nn.Module],
        count: int,
        *,
        generator: torch.Generator,
        batch: Batch | None = None,
        labels: Tensor | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """Return pictures from latents drawn from `generator` alone.

        Args:
            networks: role to module, e.g. the averaged ones; their modes are kept.
            count: pictures.
            generator: random state.
            batch: its labels are used in turn.
            labels: int64 (count,); without them and without a batch, every label in turn.
            truncation: psi, codes become mean + psi (code - mean); only for generators with a `mean_code`.

        Returns:
            float (count, C, H, W) in [-1, 1].
        """
        network: Any = unwrapped(networks["generator"])
        device = device_of(network)
        z = torch.randn(count, network.z_dim, generator=generator, device=generator.device).to(device)
        labels = _sample_labels(network, count, batch=batch, labels=labels, device=device)
        with evaluating(network):
            if truncation is None or not hasattr(network, "mean_code"):
                return network(z, labels)
            return network.synthesise(torch.lerp(network.mean_code, network.codes(z, labels), truncation))


def _sample_labels(
    network: nn.Module, count: int, *, batch: Batch | None, labels: Tensor | None, device: torch.device
) -> Tensor | None:
    known = getattr(network, "labels", 0)
    if not known:
        return None
    if labels is None:
        labels = batch["labels"] if batch and "labels" in batch else torch.arange(known)
    return labels.to(device)[torch.arange(count, device=device) % len(labels)]


def name_of(penalty: RegularizerLike) -> str:
    """Return how logs and checkpoints call a penalty."""
    return getattr(penalty, "name", type(penalty).__name__.lower())


def _ada(options: GanOptions) -> Ada | None:
    if "ada" not in options.augment:
        return None
    return Ada(
        groups=options.ada_groups,
        p=options.ada_p,
        final=options.ada_p_final,
        target=options.ada_target,
        speed_images=options.ada_speed_images,
    )
