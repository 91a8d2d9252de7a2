"""Observers of a run; one that raises is named and disabled, the run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ganstyle.config import Config
from ganstyle.engine.distributed import leads
from ganstyle.registry import Registry


class Teller(Protocol):
    """Takes a line for the user."""

    def say(self, text: str) -> None:
        """Report one line."""


class Callbacks:
    """The callbacks of a configuration, isolated from the run; among ranks rank 0, which writes, alone has any."""

    def __init__(self, config: Config, registry: Registry, teller: Teller) -> None:
        self.teller = teller
        chosen = config.callback if leads() else ()
        self.active = {one.name: registry.build("callback", one.name, one.options) for one in chosen}

    def start(self, run: Any) -> None:
        """Tell all that the run starts."""
        self._tell("on_start", run)

    def step(self, step: int, scalars: Mapping[str, float]) -> None:
        """Tell all the scalars of a logged step."""
        self._tell("on_step", step, scalars)

    def end(self, run: Any) -> None:
        """Tell all that the run ended."""
        self._tell("on_end", run)

    def _tell(self, method: str, *args: Any) -> None:
        for name, callback in list(self.active.items()):
            try:
                getattr(callback, method, lambda *_: None)(*args)
            except Exception as error:  # a third party's code may raise anything; the run is worth more
                del self.active[name]
                self.teller.say(f"callback {name!r} failed in {method} ({type(error).__name__}: {error}); disabled")
