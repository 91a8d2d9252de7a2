"""Style files, and the bank that holds the shipped ones and the user's. Imports no torch: listing is free."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganstyle.api import suggest
from ganstyle.errors import EnvironmentProblem, ModelError, UsageError
from ganstyle.style.base import base_records, resource_path
from ganstyle.style.card import CARD_KEY, SUFFIX, StyleCard, check_name, parse_card

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from ganstyle.registry import Registry
    from ganstyle.style.base import BaseModel

HOME_VARIABLE = "GANSTYLE_HOME"
MAX_CODE = MAX_ADAPTER = 1 << 20
MAX_KEPT_CODES = 64
MAX_THUMBNAIL_BYTES = 200_000
MAX_SAMPLES = 8
SAMPLES = tuple(f"sample{index}" for index in range(MAX_SAMPLES))
MAX_MAGNITUDE = 100.0  # codes lie within about 3; larger ones overflow in the exponent of the gains


@dataclass(frozen=True)
class Style:
    """A style ready to use.

    Attributes:
        card: name, provenance, base model.
        code: float32 (D,).
        adapter: float16 (A,), changes of the base model's layers; None where the style has none.
        codes: float16 (N, D), of single works, at most 64; None where they are not kept.
        thumbnail: JPEG bytes; empty where there is none.
        samples: JPEGs of works, at most 8, from which another base model can encode the style anew.
    """

    card: StyleCard
    code: NDArray[np.float32]
    codes: NDArray[np.float16] | None = None
    thumbnail: bytes = b""
    samples: tuple[bytes, ...] = ()
    adapter: NDArray[np.float16] | None = None

    @property
    def name(self) -> str:
        """What users type."""
        return self.card.name

    @property
    def numbers(self) -> NDArray[np.float32]:
        """What a painter is given: the code, followed by the adapter if there is one; float32 (D,) or (D + A,)."""
        import numpy as np

        return self.code if self.adapter is None else np.concatenate([self.code, self.adapter.astype(np.float32)])

    def with_numbers(self, numbers: NDArray[np.float32]) -> Style:
        """Return the style with other `numbers`, of which an adapter of zeros is none; the adapter is rounded."""
        import numpy as np

        code, adapter = numbers[: len(self.code)], numbers[len(self.code) :].astype(np.float16)
        return replace(self, code=code, adapter=adapter if adapter.any() else None)

    def picture(self) -> Image.Image | None:
        """Return the thumbnail as an RGB picture.

        Raises:
            InputError: its bytes are no picture.
        """
        from PIL import Image

        from ganstyle.data.reading import open_picture

        if not self.thumbnail:
            return None
        return Image.fromarray(open_picture(io.BytesIO(self.thumbnail), max_pixels=1 << 20, name="thumbnail").rgb)


def write_style(style: Style, path: Path, *, overwrite: bool = False) -> Path:
    """Write a style file at once or not at all.

    Args:
        style: equal styles give equal bytes.
        path: target file.
        overwrite: replace an existing file.

    Raises:
        UsageError: the file exists.
        EnvironmentProblem: the disk is full or the folder can't be written.
    """
    import numpy as np

    from ganstyle.data.tensors import write_arrays

    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists", where=str(path), hint="--overwrite replaces it")
    arrays: dict[str, NDArray[Any]] = {"code": style.code.astype(np.float32)}
    if style.adapter is not None:
        arrays["adapter"] = style.adapter.astype(np.float16)
    if style.codes is not None:
        arrays["codes"] = style.codes.astype(np.float16)
    if style.thumbnail:
        arrays["thumbnail"] = np.frombuffer(style.thumbnail, np.uint8)
    arrays |= {f"sample{index}": np.frombuffer(data, np.uint8) for index, data in enumerate(style.samples)}
    return write_arrays(path, arrays, {CARD_KEY: style.card.to_json()})


def read_card(path: Path) -> StyleCard:
    """Return the card of a style file; no tensor is read.

    Raises:
        ModelError: a pickle, a foreign, damaged or lying file.
    """
    from ganstyle.data.tensors import read_header

    header = read_header(path)
    card = parse_card(header.metadata.get(CARD_KEY), path)
    _check_shapes(header.tensors, path)
    return card


def read_style(path: Path) -> Style:
    """Read a style file, which is not trusted.

    Raises:
        ModelError: a pickle, a foreign, damaged or lying file.
    """
    from ganstyle.data.tensors import read_arrays

    card = read_card(path)
    arrays = read_arrays(path)
    code, codes, adapter, thumbnail = (arrays.get(name) for name in ("code", "codes", "adapter", "thumbnail"))
    # Written so that a code that is not a number is refused as well.
    if not all(float(abs(part).max()) <= MAX_MAGNITUDE for part in (code, codes, adapter) if part is not None):
        raise ModelError(f"{path.name} holds numbers that no style has", where=str(path), hint="make it again")
    samples = tuple(arrays[name].tobytes() for name in SAMPLES if name in arrays)
    picture = b"" if thumbnail is None else thumbnail.tobytes()
    return Style(card, arrays["code"], codes, picture, samples, adapter)


def _check_shapes(tensors: Mapping[str, tuple[str, tuple[int, ...]]], path: Path) -> None:
    kind, shape = tensors.get("code", ("", ()))
    length = shape[0] if len(shape) == 1 else 0
    allowed = {
        "code": kind == "F32" and 0 < length <= MAX_CODE,
        "codes": _is_matrix(tensors.get("codes"), length),
        "adapter": _is_adapter(tensors.get("adapter")),
    } | {name: _is_bytes(tensors.get(name)) for name in ("thumbnail", *SAMPLES)}
    bad = [name for name in {"code", *tensors} if not allowed.get(name, False)]
    if bad:
        raise ModelError(
            f"{path.name} is no style file: tensor {sorted(bad)[0][:40]!r} is missing, unknown or of the wrong form",
            where=str(path),
            hint="style files are written by `ganstyle style add NAME PICTURES`",
        )


def _is_matrix(entry: tuple[str, tuple[int, ...]] | None, length: int) -> bool:
    if entry is None:
        return True
    kind, shape = entry
    return kind == "F16" and len(shape) == 2 and 0 < shape[0] <= MAX_KEPT_CODES and shape[1] == length


def _is_adapter(entry: tuple[str, tuple[int, ...]] | None) -> bool:
    return entry is None or (entry[0] == "F16" and len(entry[1]) == 1 and 0 < entry[1][0] <= MAX_ADAPTER)


def _is_bytes(entry: tuple[str, tuple[int, ...]] | None) -> bool:
    return entry is None or (entry[0] == "U8" and len(entry[1]) == 1 and 0 < entry[1][0] <= MAX_THUMBNAIL_BYTES)


def check_base(style: Style, base: BaseModel) -> Style:
    """Return the style if it was made for this base model.

    Raises:
        ModelError: it was made for another one, or has an adapter of another size; says how to make it again.
    """
    length = base.code_length or len(style.code)
    if style.card.base_sha256 != base.sha256 or len(style.code) != length:
        made_for = f"{style.card.base_name} {style.card.base_sha256[:8]}"
        raise ModelError(
            f"style {style.name!r} was made for base model {made_for}, this one is {base.name} {base.sha256[:8]}",
            where=f"style {style.name}",
            hint=f"encode its pictures again: ganstyle style add {style.name} PICTURES --overwrite",
        )
    if style.adapter is not None and len(style.adapter) != base.adapter_length:
        numbers = f"an adapter of {len(style.adapter)} numbers, base model {base.name} takes {base.adapter_length}"
        hint = f"make it again: ganstyle learn {style.name} PICTURES --overwrite"
        raise ModelError(f"style {style.name!r} has {numbers}", where=f"style {style.name}", hint=hint)
    return style


def user_folder() -> Path:
    """Return the folder of the user's styles, not created: `$GANSTYLE_HOME/styles`, else the system's data folder."""
    import platformdirs

    home = os.environ.get(HOME_VARIABLE)
    return (Path(home) if home else platformdirs.user_data_path("ganstyle", appauthor=False)) / "styles"


@dataclass(frozen=True)
class Entry:
    """One style of the bank.

    Attributes:
        name: what users type.
        path: its file.
        shipped: it came with a plugin; it can be hidden by a style of the user, not removed.
        card: None where the file can't be used.
        error: why it can't; empty if it can.
    """

    name: str
    path: Path
    shipped: bool
    card: StyleCard | None
    error: str = ""


class StyleBank:
    """The shipped styles and the user's own; a style of the user hides a shipped one of the same name.

    Args:
        registry: whose architectures name the folders of shipped styles; default `default_registry()`.
        folder: of the user's styles; default `user_folder()`.

    Attributes:
        preferred: names that plugins say to use where the user says none.
    """

    def __init__(self, registry: Registry | None = None, folder: Path | None = None) -> None:
        from ganstyle.registry import default_registry

        registry = registry or default_registry()
        self.folder = folder or user_folder()
        records = [record for record in base_records(registry) if record.styles]
        self.shipped_folders = [resource_path(record.styles) for record in records]
        self.preferred = frozenset(record.default_style for record in records if record.default_style)

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._paths())

    def entries(self) -> Iterator[Entry]:
        """Yield every style in order of name; a file that can't be used is an entry with an error."""
        for name in self.names():
            yield self.entry(name)

    def entry(self, name: str) -> Entry:
        """Return one style's entry.

        Raises:
            UsageError: unknown; suggests names.
        """
        path, shipped = self._find(name)
        try:
            return Entry(name, path, shipped, read_card(path))
        except (ModelError, EnvironmentProblem) as error:
            return Entry(name, path, shipped, None, error.message)

    def load(self, name: str) -> Style:
        """Return a style.

        Raises:
            UsageError: unknown; suggests names.
            ModelError: its file can't be used.
        """
        style = read_style(self._find(name)[0])
        # The file's name is what the user typed; a renamed copy keeps its new name.
        return replace(style, card=replace(style.card, name=name))

    def add(self, style: Style, *, overwrite: bool = False) -> Path:
        """Keep a style under its name in the user's folder.

        Raises:
            UsageError: the name is taken and `overwrite` is not set, or it is no name.
        """
        name = check_name(style.name)
        known = self._paths().get(name)
        if known and not overwrite:
            raise UsageError(
                f"style {name!r} exists already{' (shipped)' if known[1] else ''}",
                where=str(known[0]),
                hint="choose another name, or --overwrite" + (" to hide the shipped one" if known[1] else ""),
            )
        return write_style(style, self.folder / f"{name}{SUFFIX}", overwrite=True)

    def remove(self, name: str) -> Path:
        """Delete a style of the user and return its path.

        Raises:
            UsageError: unknown, or shipped.
        """
        path, shipped = self._find(name)
        if shipped:
            hint = "a style of yours with that name hides it: ganstyle learn NAME PICTURES --overwrite"
            raise UsageError(f"style {name!r} is shipped and can't be removed", where=str(path), hint=hint)
        path.unlink()
        return path

    def _find(self, name: str) -> tuple[Path, bool]:
        paths = self._paths()
        if name not in paths:
            raise unknown_style(name, paths, where="NAME", hint="all: ganstyle style list")
        return paths[name]

    def _paths(self) -> dict[str, tuple[Path, bool]]:
        found: dict[str, tuple[Path, bool]] = {}
        for folder, shipped in [*((folder, True) for folder in self.shipped_folders), (self.folder, False)]:
            for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
                found[path.name.removesuffix(SUFFIX)] = (path, shipped)
        return found


def unknown_style(
    name: str,
    known: Mapping[str, object],
    *,
    where: str = "option --style",
    hint: str = "all: ganstyle style list; a picture, a folder or a style file works as well",
) -> UsageError:
    """Return the error for a style that is not in the bank, nor, where that would do, a file."""
    return UsageError(f"unknown style {name!r}; {suggest(name, known)}", where=where, hint=hint)
