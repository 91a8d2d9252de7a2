"""Weights of other people's networks: found offline, hashed, downloaded only when asked."""

from __future__ import annotations

import dataclasses
import hashlib
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import platformdirs
import torch
from pydantic import Field
from torch import Tensor

from ganstyle.api import Options
from ganstyle.errors import EnvironmentProblem, ModelError

WEIGHTS_VARIABLE = "GANSTYLE_WEIGHTS_DIR"
HOME_VARIABLE = "GANSTYLE_HOME"
TRIES = 3
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 20

_GIVEN: dict[str, Path] = {}
_UNASKED: set[str] = set()


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights that the project knows.

    Attributes:
        name: what messages call the network, e.g. `Inception of FID`.
        files: names under which tools store it; the first is ours.
        url: where it can be downloaded.
        sha256: of its content, in hex.
        size: bytes.
        licence: of the weights.
        key: short name, as in `--weights KEY=PATH`.
        users: metrics that need it; none for a network that is only a backbone.
    """

    name: str
    files: tuple[str, ...]
    url: str
    sha256: str
    size: int
    licence: str = ""
    key: str = ""
    users: tuple[str, ...] = ()


VGG16 = WeightsFile(
    name="the VGG-16 network of ImageNet",
    files=("vgg16-397923af.pth",),
    url="https://download.pytorch.org/models/vgg16-397923af.pth",
    sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    size=553_433_881,
    licence="BSD-3-Clause",
    key="vgg16",
    users=("precision", "recall", "density", "coverage", "lpips", "dists"),
)
"""Of torchvision, for metrics and as a backbone; the hash is stated alike by several projects that pin the file."""

VGG19 = WeightsFile(
    name="the VGG-19 network of ImageNet",
    files=("vgg19-dcbb9e9d.pth",),
    url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
    size=574_673_361,
    licence="BSD-3-Clause",
    key="vgg19",
)


def cache_folder() -> Path:
    """Return the user's cache folder, not created: `$GANSTYLE_HOME/cache`, else what the system recommends."""
    home = os.environ.get(HOME_VARIABLE)
    return Path(home) / "cache" if home else platformdirs.user_cache_path("ganstyle", appauthor=False)


@contextmanager
def given_weights(paths: Mapping[str, Path]) -> Iterator[set[str]]:
    """Look for some files in one place only, within the block.

    Args:
        paths: `WeightsFile.key` to a file, as `--weights KEY=PATH` says. Their content is verified as ever.

    Yields:
        The keys that nothing has asked for yet; what is left at the end of the block was given in vain.
    """
    before = dict(_GIVEN)
    _GIVEN.update(paths)
    _UNASKED.update(paths)
    try:
        yield _UNASKED
    finally:
        _UNASKED.difference_update(paths)
        _GIVEN.clear()
        _GIVEN.update(before)


def candidates(file: WeightsFile, path: Path | None = None) -> list[Path]:
    """Return the places where a file is looked for, best first: an explicit path, else the weights folders."""
    _UNASKED.discard(file.key)
    path = path or _GIVEN.get(file.key)
    if path is not None:
        return [path]
    own = os.environ.get(WEIGHTS_VARIABLE)
    folders = [Path(own)] if own else []
    folders.append(Path(torch.hub.get_dir()) / "checkpoints")
    return [folder / name for folder in folders for name in file.files]


def find_weights(file: WeightsFile, *, path: Path | None = None, download: bool = False) -> Path:
    """Return a file whose content is verified.

    Args:
        file: what to look for.
        path: the only place to look; None looks in `$GANSTYLE_WEIGHTS_DIR` and torch.hub's folder.
        download: fetch a missing file to the first of those folders; never done unasked.

    Raises:
        EnvironmentProblem: no such file, a file of another content (never used), or a failed download. The message
            holds the file name, the URL, the sha256 and the place where the file belongs.
    """
    found = [place for place in candidates(file, path) if place.is_file()]
    wrong = []
    for place in found:
        digest = file_sha256(place)
        if digest == file.sha256:
            return place
        wrong.append(f"{place} has sha256 {digest[:12]}... and {place.stat().st_size:,} bytes: damaged or another file")
    explicit = path is not None or file.key in _GIVEN
    if download and not (wrong and explicit):  # a user's own file is never written over
        return download_weights(file, candidates(file, path)[0])
    raise missing(file, candidates(file, path)[0], wrong)


class WeightsOptions(Options):
    """Options of every component whose network must be downloaded."""

    weights: Annotated[str | None, Field(description="Weights file; none looks in the usual places.")] = None
    weights_sha256: Annotated[
        str | None,
        Field(pattern="^[0-9a-f]{64}$", description="Accept this file instead of the published one; scores say so."),
    ] = None
    download: Annotated[bool, Field(description="Download missing weights.")] = False


def chosen_weights(known: WeightsFile, options: WeightsOptions) -> tuple[Path, str]:
    """Return a verified file and its sha256, which is the published one or the one that the options accept.

    Raises:
        EnvironmentProblem: no such file, or one of another content, which is never used.
    """
    if options.weights_sha256 is not None:
        known = dataclasses.replace(known, sha256=options.weights_sha256)
    path = find_weights(known, path=Path(options.weights) if options.weights else None, download=options.download)
    return path, file_sha256(path)


def missing(file: WeightsFile, target: Path, reasons: list[str]) -> EnvironmentProblem:
    """Return the error that says which file is missing, where to get it and where to put it."""
    why = "; ".join(reasons) or f"{file.files[0]} not found"
    return EnvironmentProblem(
        f"weights of {file.name} can't be used: {why}",
        where=str(target),
        hint=f"put {file.files[0]} ({file.size:,} bytes, sha256 {file.sha256}) from {file.url} at {target}, "
        + (f"name your copy with --weights {file.key}=PATH, " if file.key else "")
        + "or run again with --download",
    )


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file; a stamp of (size, mtime, sha256) spares reading an unchanged file again."""
    stat = path.stat()
    stamp = cache_folder() / "stamps" / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError, TypeError, AttributeError):
        known = json.loads(stamp.read_bytes())
        if [known.get("size"), known.get("mtime_ns")] == [stat.st_size, stat.st_mtime_ns]:
            return str(known["sha256"])
    with open(path, "rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    entry = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": digest}
    with suppress(OSError):  # a read-only home costs time, not the result
        replace_file(stamp, json.dumps(entry).encode())
    return digest


def replace_file(path: Path, data: bytes) -> None:
    """Write a cache file so that readers see the old or the new content; its folder is made.

    Raises:
        OSError: the disk is full or the folder can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def download_weights(file: WeightsFile, target: Path, *, progress: Callable[[int], object] | None = None) -> Path:
    """Download a file to a `.part` beside its place, verify it and only then give it its name.

    Args:
        file: what to fetch.
        target: its place; the folder is made.
        progress: called with the number of bytes of every piece that arrived.

    Raises:
        EnvironmentProblem: after three tries; nothing is left behind.
    """
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    reasons: list[str] = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(TRIES):
            reason = _fetch(file, part, progress)
            if not reason:
                os.replace(part, target)
                return target
            reasons.append(reason)
    except OSError as error:
        reasons.append(f"{target.parent} can't be written: {error.strerror}")
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    raise missing(file, target, [f"download failed: {reasons[-1]}"])


def _fetch(file: WeightsFile, part: Path, progress: Callable[[int], object] | None) -> str:
    """Try once; return why it failed, or nothing."""
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(file.url, timeout=TIMEOUT_SECONDS) as reply, open(part, "wb") as out:  # noqa: S310
            while chunk := reply.read(CHUNK_BYTES):
                digest.update(chunk)
                out.write(chunk)
                if progress:
                    progress(len(chunk))
            out.flush()
            os.fsync(out.fileno())
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        return f"{type(error).__name__}: {getattr(error, 'reason', error)}"
    found = digest.hexdigest()
    return "" if found == file.sha256 else f"the bytes that came have sha256 {found[:12]}..."


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a verified `.pth` file, on the CPU; nothing in it is executed.

    Raises:
        ModelError: not a plain dictionary of tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises many kinds here, and its text advises to switch the protection off
        state = None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path.name} is not a plain dictionary of tensors", where=str(path))
    return state
