"""The embedded pictures as a data set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ganstyle.api import Options
from ganstyle.data.embedded import embedded_root, provenance
from ganstyle.data.pictures import FolderPictures


class EmbeddedOptions(Options):
    """Which of the embedded pictures."""

    part: Annotated[Literal["paintings", "photos"], Field(description="Paintings or photographs.")] = "paintings"
    style: Annotated[str | None, Field(description="Only the paintings of this folder, e.g. hiroshige.")] = None


def build(options: EmbeddedOptions, split: str) -> FolderPictures:
    """Return the embedded pictures; they are too few to split, so train and test are the same.

    Raises:
        UsageError: an unknown style.
    """
    pictures = FolderPictures(embedded_root() / options.part, split=split, style=options.style)
    kept = {str(one["licence"]) for one in provenance() if str(one["file"]).startswith(f"{options.part}/")}
    pictures.licence = ", ".join(sorted(kept))
    return pictures
