"""A prepared cache."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ganstyle.api import Options
from ganstyle.data.cache import CachedPictures
from ganstyle.errors import UsageError


class CacheOptions(Options):
    """Which cache, and how far to trust the disk."""

    path: Annotated[str, Field(description="Folder written by `ganstyle data prepare`.")] = ""
    labels: Annotated[Literal["auto", "none"], Field(description="auto: the labels of the source.")] = "auto"
    verify: Annotated[bool, Field(description="Compare the sha256 of every file first.")] = True


def build(options: CacheOptions, split: str) -> CachedPictures:
    """Return a cache as a data set; train and test are the same.

    Raises:
        UsageError: no path.
        NoInputError: missing, no cache, or damaged.
    """
    if not options.path:
        raise UsageError("data cache needs a path", where="data.path", hint="--set data.path=FOLDER")
    return CachedPictures(options.path, labels=options.labels, verify=options.verify)
