"""Lines of `ganstyle doctor` about weights. Imports no torch until asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganstyle.data.weights import WeightsFile


def weights_checks() -> list[tuple[str, bool, str]]:
    """Return (what, ok, remedy) for each downloadable file; looks at its place and size, not at its content."""
    from ganstyle_metrics.weights_table import WEIGHTS_FILES

    return [_check(file) for file in WEIGHTS_FILES]


def _check(file: WeightsFile) -> tuple[str, bool, str]:
    from ganstyle.data.weights import candidates

    places = candidates(file)
    found = [place for place in places if place.is_file()]
    if any(place.stat().st_size == file.size for place in found):
        return f"weights of {file.name}", True, ""
    damaged = [f"{place} has {place.stat().st_size:,} of {file.size:,} bytes; " for place in found]
    what = f"for {', '.join(file.users)} ({file.size / 1e6:,.0f} MB, {file.licence})"
    get = f"ganstyle eval --metric {file.users[0]} --download (or --weights {file.key}=FILE), or put {file.url} at "
    get += str(places[0])
    return f"weights of {file.name}", False, f"{''.join(damaged)}{what}: {get}"
