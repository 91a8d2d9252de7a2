"""How pictures were stored: formats, and how hard JPEG squeezed them; compression alone moves most scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import BinaryIO

from PIL import Image

LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"})
LOOKED_AT = 64  # files whose headers are read
# Luminance table of Annex K, ITU-T T.81 (the mean is all that is needed of it).
_MEAN_OF_STANDARD_TABLE = 57.625
_SAME_QUALITY = 5


@dataclass(frozen=True)
class Encoding:
    """How the pictures of one side were stored.

    Attributes:
        formats: upper-case names to numbers of files, by their suffix; empty if pictures never were files.
        qualities: of the JPEG files that were looked at, 1 to 100 as libjpeg counts, by their quantization tables.
    """

    formats: dict[str, int] = field(default_factory=dict)
    qualities: tuple[int, ...] = ()

    @property
    def lossy(self) -> float:
        """Share of JPEG files, in [0, 1]."""
        total = sum(self.formats.values())
        return self.formats.get("JPEG", 0) / total if total else 0.0

    @property
    def words(self) -> str:
        """In words, e.g. `JPEG (quality about 75)` or `12 JPEG and 3 PNG`; empty if unknown."""
        if not self.formats:
            return ""
        if len(self.formats) > 1:
            return " and ".join(f"{count:,} {name}" for name, count in sorted(self.formats.items()))
        return next(iter(self.formats)) + (f" (quality about {self.quality})" if self.qualities else "")

    @property
    def quality(self) -> int:
        """The median quality of the JPEG files; 0 without any."""
        return round(median(self.qualities)) if self.qualities else 0


def encoding_of(names: Iterable[str], openings: Iterable[Path | BinaryIO]) -> Encoding:
    """Return how pictures were stored.

    Args:
        names: of all files; the suffix tells the format.
        openings: some of them, of which headers are read; unreadable ones are passed over.
    """
    formats = Counter(_format(name) for name in names)
    qualities = [quality for one in openings if (quality := jpeg_quality(one))]
    return Encoding(dict(formats), tuple(qualities))


def _format(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return "JPEG" if suffix in LOSSY_SUFFIXES else suffix.removeprefix(".").upper() or "unnamed"


def jpeg_quality(file: Path | BinaryIO) -> int:
    """Return the quality of a JPEG file, 1 to 100 as libjpeg counts, or 0 if it is none; no pixel is decoded.

    Source: libjpeg scales the standard table by 50 / quality below 50 and by 2 - quality / 50 above.
    """
    try:
        with Image.open(file, formats=["JPEG"]) as opened:
            tables = getattr(opened, "quantization", {})
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 0
    if not tables.get(0):
        return 0
    scale = sum(tables[0]) / len(tables[0]) / _MEAN_OF_STANDARD_TABLE
    return max(1, min(100, round(100 - 50 * scale if scale < 1 else 50 / scale)))


def difference_of(fake: Encoding, real: Encoding) -> str:
    """Return what the storage of two sides does to a score, in words; empty if nothing."""
    if not fake.lossy and not real.lossy:
        return ""
    words = f"generated {fake.words or 'never compressed'}, real {real.words or 'never compressed'}"
    if abs(fake.lossy - real.lossy) > 0.01:
        return f"stored differently ({words}): compression alone moves the value"
    if abs(fake.quality - real.quality) > _SAME_QUALITY:
        return f"JPEG of different quality ({words}): compression alone moves the value"
    return f"both sides are JPEG ({words}): the value is one of compressed pictures"
