"""The idx format of MNIST: a magic number, sizes, bytes; often gzipped.

Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", file formats.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ganstyle.data.names import shown
from ganstyle.errors import NoInputError

MAX_BYTES = 1 << 30


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of an idx file of unsigned bytes.

    Args:
        path: plain, or gzipped if its name ends in .gz.

    Raises:
        NoInputError: no such format, damaged, or larger than 1 GiB.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as stream:
            return _read(stream, path)
    except (OSError, EOFError, zlib.error, struct.error):
        raise _damaged(path, "it can't be unpacked or ends too early") from None


def _read(stream: BinaryIO | gzip.GzipFile, path: Path) -> NDArray[np.uint8]:
    zero, kind, rank = struct.unpack(">HBB", stream.read(4))
    if zero or kind != 0x08 or not 1 <= rank <= 4:
        raise _damaged(path, "it is no idx file of unsigned bytes")
    shape = struct.unpack(f">{rank}I", stream.read(4 * rank))
    count = math.prod(shape)
    if count > MAX_BYTES:
        raise _damaged(path, f"it claims {count} bytes")
    data = stream.read(count + 1)  # never more, whatever a gzip unpacks to
    if len(data) != count:
        raise _damaged(path, "its length does not fit its header")
    return np.frombuffer(data, np.uint8).reshape(shape).copy()


def _damaged(path: Path, reason: str) -> NoInputError:
    return NoInputError(f"{shown(path)} can't be used: {reason}", where=shown(path), hint="download it again")
