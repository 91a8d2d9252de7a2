"""A zip of pictures, or of style folders."""

from __future__ import annotations

from ganstyle.data.zips import ZipPictures
from ganstyle.errors import UsageError
from ganstyle_data.folder import FolderOptions


class ZipOptions(FolderOptions):
    """Where the zip is and what its folders mean."""


def build(options: ZipOptions, split: str) -> ZipPictures:
    """Return the pictures of a zip, read in place.

    Raises:
        UsageError: no path, or an unknown style.
        NoInputError: the zip is missing, damaged, unsafe or holds no picture.
    """
    if not options.path:
        raise UsageError("data zip needs a path", where="data.path", hint="--data FILE.zip")
    return ZipPictures(options.path, split=split, labels=options.labels, style=options.style)
