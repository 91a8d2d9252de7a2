"""Running statistics of networks and penalties, which a non-finite batch poisons although its update is skipped."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganstyle.engine.session import Session


class RunningState:
    """A copy of the buffers (batch norm's means, for instance) and of the task's state while they are healthy.

    Args:
        session: whose networks, averages and task.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._buffers: list[Tensor] = []
        self._task: dict[str, Tensor] = {}

    def keep(self) -> None:
        """Copy what there is now."""
        self._buffers = [value.clone() for value in self._live()]
        self._task = {key: value.clone() for key, value in self.session.task_state().items()}

    @torch.no_grad()
    def mend(self) -> bool:
        """Bring back the copy of each tensor that is no longer finite; return whether there was one."""
        found = False
        for live, kept in zip(self._live(), self._buffers, strict=True):
            if not bool(torch.isfinite(live).all()):
                live.copy_(kept)
                found = True
        if any(not bool(torch.isfinite(value).all()) for value in self.session.task_state().values()):
            self.session.task.load_state_tensors(self._task)  # type: ignore[attr-defined]  # as there is state
            found = True
        return found

    def _live(self) -> Iterator[Tensor]:
        """Yield what a checkpoint holds beside the parameters: frozen encoders are in no checkpoint and don't run."""
        networks = [*self.session.task.networks.values(), *self.session.averaged.networks.values()]
        for network in networks:
            parameters = {name for name, _ in network.named_parameters(remove_duplicate=False)}
            for name, value in network.state_dict().items():
                if name not in parameters and value.is_floating_point():
                    yield value
