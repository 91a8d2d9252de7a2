"""The two hooks a plugin may implement."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from ganstyle.api._components import Component

PROJECT = "ganstyle"
API_VERSION = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecs:
    """What ganstyle asks of a plugin; both hooks return values and touch no network, GPU or file."""

    @hookspec
    def ganstyle_components(self) -> Iterable[Component]:
        """Return the components this plugin contributes (required)."""
        raise NotImplementedError

    @hookspec
    def ganstyle_checks(self) -> Iterable[tuple[str, bool, str]]:
        """Return (what, ok, remedy) lines for `ganstyle doctor` (optional)."""
        raise NotImplementedError
