"""A folder of pictures, or of style folders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ganstyle.api import Options
from ganstyle.data.cache import CachedPictures, is_cache
from ganstyle.data.pictures import FolderPictures, Pictures
from ganstyle.errors import UsageError


class FolderOptions(Options):
    """Where the pictures are and what their sub-folders mean."""

    path: Annotated[str, Field(description="The folder; with train and test inside, each split takes its own.")] = ""
    labels: Annotated[
        Literal["auto", "none"], Field(description="auto: first sub-folders are labels if every picture is in one.")
    ] = "auto"
    style: Annotated[str | None, Field(description="Only the pictures of this sub-folder.")] = None


def build(options: FolderOptions, split: str) -> Pictures:
    """Return the pictures of a folder; one that `ganstyle data prepare` wrote is read as the cache it is.

    Raises:
        UsageError: no path, or an unknown style.
        NoInputError: the folder is missing or holds no picture.
    """
    if not options.path:
        raise UsageError("data folder needs a path", where="data.path", hint="--data FOLDER")
    if is_cache(options.path) and options.style is None:
        return CachedPictures(options.path, labels=options.labels)
    return FolderPictures(options.path, split=split, labels=options.labels, style=options.style)
