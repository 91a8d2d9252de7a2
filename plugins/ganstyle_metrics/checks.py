"""Lines of `ganstyle doctor` about weights. Imports no torch until asked."""

from __future__ import annotations


def weights_checks() -> list[tuple[str, bool, str]]:
    """Return (what, ok, remedy) for each downloadable file; only looks whether it is there."""
    from ganstyle.data.weights import candidates
    from ganstyle_metrics.inception import INCEPTION

    places = candidates(INCEPTION)
    present = any(place.is_file() and place.stat().st_size == INCEPTION.size for place in places)
    remedy = f"only fid, kid, is need it: ganstyle eval --metric fid --download, or put {INCEPTION.url} at {places[0]}"
    return [(f"weights of {INCEPTION.name}", present, "" if present else remedy)]
