"""A command as several processes: starting them, and taking part as one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer


def started_ranks(number: int | None, context: typer.Context) -> int | None:
    """Run this very command as several ranks of this machine, and wait for them.

    Args:
        number: how many; None starts none.
        context: of the command; its root holds the words of the command line.

    Returns:
        The exit code; None if this process is to do the work itself: none were asked for, or it is one of them.

    Raises:
        GanstyleError: of the rank that failed first.
    """
    from ganstyle.engine.launching import launch, launched

    if number is None or launched():
        return None
    words: Sequence[str] = context.find_root().obj
    return launch(words, number)


def among_ranks(work: Callable[[], None]) -> None:
    """Do a command's work; in a process that was started as a rank, rank 0 does it and the others take part."""
    from ganstyle.engine.launching import launched

    if not launched():
        return work()
    from ganstyle.engine import distributed
    from ganstyle.engine.following import follow
    from ganstyle.registry import default_registry

    with distributed.among_ranks():
        if distributed.leads():
            work()
        else:
            follow(default_registry())
    return None
