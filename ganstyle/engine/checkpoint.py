"""Checkpoints: folders that are whole or absent, verified before use, deleted only when a newer one is durable.

`<run>/checkpoints/ckpt-<images, 9 digits>/` holds `model.safetensors`, `train.safetensors`, `state.json` and, written
last, `MANIFEST.json` with the size and sha256 of the others. Without a valid manifest there is no checkpoint.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganstyle.data.tensors import read_tensors, write_tensors
from ganstyle.engine.durable import dump_json, read_json, replace_synced, sync_folder, write_synced
from ganstyle.engine.faults import fault
from ganstyle.engine.run import Run, megabytes
from ganstyle.errors import DivergedError, EnvironmentProblem, ModelError, UsageError

SCHEMA = 1
MODEL, TRAIN, STATE, MANIFEST = "model.safetensors", "train.safetensors", "state.json", "MANIFEST.json"
PARTS = (MODEL, TRAIN, STATE)
# After each of these the process can be killed without losing a checkpoint; names for GANSTYLE_FAULT.
FAULT_POINTS = ("mkdir", "model", "train", "state", "manifest", "rename", "latest", "delete")
_FOLDER = re.compile(r"ckpt-(\d{9,})")
_RESERVED = ("schema", "aliases")


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint in memory.

    Attributes:
        path: its folder.
        model: weights by `<role>/<parameter>`; tied names share one tensor.
        train: optimizer and random state.
        state: what `save` was given.
        notes: one sentence per newer checkpoint that is damaged.
    """

    path: Path
    model: dict[str, Tensor]
    train: dict[str, Tensor]
    state: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """Return the number of images seen."""
        return images_of(self.path)


class NonFinite(DivergedError):
    """A tensor holds NaN or infinity; nothing was written.

    Attributes:
        names: the tensors.
    """

    def __init__(self, names: list[str], where: str) -> None:
        shown = ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")
        super().__init__(f"refused to save non-finite values: {shown}", where=where)
        self.names = names


def save(
    run: Run, model: Mapping[str, Tensor], train: Mapping[str, Tensor], state: Mapping[str, Any], *, keep: int = 3
) -> Path:
    """Write a checkpoint, then delete what is surplus.

    Args:
        run: locked by the caller.
        model: weights; tied tensors are stored once, views are made contiguous.
        train: optimizer and random state.
        state: finite JSON with `images` (count, names the folder). If `best` is `{"images": n, ...}`, that
            checkpoint is kept as well.
        keep: newest checkpoints to keep, at least 2.

    Returns:
        The checkpoint's folder, durable.

    Raises:
        NonFinite: NaN or infinity in a tensor; nothing was written.
        EnvironmentProblem: the disk is full or refuses; what was there before is untouched.
        UsageError: keep is below 2.
    """
    if keep < 2:
        raise UsageError(f"keep={keep} would leave no way back from a damaged checkpoint", hint="--set train.keep=2")
    _refuse_non_finite({**model, **train}, f"{run.folder}, step {state.get('step', '?')}")
    final = run.checkpoints / f"ckpt-{state['images']:09d}"
    temporary = run.checkpoints / f".tmp-{final.name}-{os.getpid()}"
    try:
        _write_all(temporary, model, train, state)
        _publish(temporary, final)
    except (OSError, EnvironmentProblem) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        with suppress(OSError):
            prune(run, keep=keep, best=_best(state))  # all the space that may be freed: what is surplus anyway
        raise _save_failed(run, state, error) from error
    prune(run, keep=keep, best=_best(state), newest=images_of(final))
    return final


def newest_valid(run: Run) -> Checkpoint | None:
    """Return the newest checkpoint that verifies; None when none was ever finished.

    Raises:
        ModelError: there are checkpoints and every one is damaged; lists the reasons. Never starts anew silently.
    """
    reasons: list[tuple[Path, str]] = []
    for path in reversed(list_checkpoints(run)):
        try:
            found = load(path)
        except ModelError as error:
            reasons.append((path, error.message))
        else:
            notes = tuple(_fallback_note(bad, reason, path) for bad, reason in reasons)
            return replace(found, notes=notes)
    if reasons:
        listed = "; ".join(f"{path.name}: {reason}" for path, reason in reasons)
        raise ModelError(
            f"every checkpoint is damaged: {listed}",
            where=str(run.checkpoints),
            hint=f"to give them up and start anew: ganstyle train --run {run.folder} --resume none",
        )
    return None


def load(path: Path) -> Checkpoint:
    """Verify a checkpoint folder, then read it.

    Raises:
        ModelError: unfinished, damaged, or of a newer schema.
    """
    verify(path)
    state = read_json(path / STATE)
    if state.get("schema") != SCHEMA:
        raise ModelError(f"schema {state.get('schema')!r}, this ganstyle reads {SCHEMA}", where=str(path))
    own = {key: value for key, value in state.items() if key not in _RESERVED}
    return Checkpoint(path, _read_tied(path / MODEL, state), _read_tied(path / TRAIN, state), own)


def verify(path: Path) -> None:
    """Compare every file with the manifest, before anything is parsed.

    Raises:
        ModelError: says which file and why.
    """
    for name, (size, digest) in _manifest(path).items():
        _verify_file(path / name, size, digest)


def list_checkpoints(run: Run) -> list[Path]:
    """Return the checkpoint folders, oldest first, verified or not."""
    try:
        found = [path for path in run.checkpoints.iterdir() if _FOLDER.fullmatch(path.name) and path.is_dir()]
    except FileNotFoundError:
        return []
    return sorted(found, key=images_of)


def images_of(path: Path) -> int:
    """Return the image count in a checkpoint folder's name.

    Raises:
        ModelError: not a checkpoint's name.
    """
    match = _FOLDER.fullmatch(path.name)
    if match is None:
        raise ModelError(
            f"{path.name} is not a checkpoint folder", where=str(path), hint="they look like ckpt-000020000"
        )
    return int(match[1])


def sweep(run: Run) -> list[str]:
    """Clear away what a killed save left (`.tmp-*`, `.del-*`, `.bad-*`); one note each. The run must be locked."""
    notes = []
    for path in sorted(run.checkpoints.glob(".*")):
        original = path.with_name(path.name.removeprefix(".bad-"))
        if path.name.startswith(".bad-") and not original.exists():
            # Killed between moving the old one aside and publishing the new one of the same count.
            path.rename(original)
            notes.append(f"brought back {original.name}, moved aside by an interrupted save")
        elif path.name.startswith((".tmp-", ".del-", ".bad-")):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            notes.append(f"removed {path.name}, left by an interrupted save")
    return notes


def prune(run: Run, *, keep: int, best: int | None = None, newest: int | None = None) -> None:
    """Delete all but the newest `keep` whole checkpoints and the best.

    Args:
        newest: image count just saved; later ones belong to a branch that was left by resuming or rolling back.
            None if nothing was saved: then only checkpoints that verify count as whole.
    """
    present = [path for path in list_checkpoints(run) if newest is None or images_of(path) <= newest]
    # Behind a checkpoint that was just written, sizes will do. Without one, a flipped bit in the newest must not cost
    # the last that is valid: then every byte is read.
    is_whole = _verifies if newest is None else _sizes_match
    whole = [path for path in present if is_whole(path)]
    kept = set(whole[-keep:]) | {path for path in whole if images_of(path) == best}
    # A damaged folder is worth nothing only once `keep` whole ones exist.
    kept |= set(present) if len(whole) < keep else set()
    surplus = [path for path in list_checkpoints(run) if path not in kept]
    for path in [*surplus, *run.checkpoints.glob(".bad-*")]:
        _delete(path)


def _write_all(
    folder: Path, model: Mapping[str, Tensor], train: Mapping[str, Tensor], state: Mapping[str, Any]
) -> None:
    _require_space(folder.parent, [*model.values(), *train.values()])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    fault("mkdir")
    aliases = {}
    for name, tensors in ((MODEL, model), (TRAIN, train)):
        stored, aliases[name] = _without_aliases(tensors)
        write_tensors(folder / name, stored, {"format": "pt"})
        fault(name.partition(".")[0])
    write_synced(folder / STATE, dump_json({**state, "schema": SCHEMA, "aliases": aliases}))
    fault("state")
    files = {name: {"bytes": (folder / name).stat().st_size, "sha256": _sha256(folder / name)} for name in PARTS}
    write_synced(folder / MANIFEST, dump_json({"schema": SCHEMA, "files": files}))
    fault("manifest")
    sync_folder(folder)


def _publish(temporary: Path, final: Path) -> None:
    aside = final.with_name(f".bad-{final.name}")
    if final.exists():  # after a rollback the same count comes again; rename onto a filled folder fails
        shutil.rmtree(aside, ignore_errors=True)
        final.rename(aside)
    try:
        temporary.rename(final)
    except OSError:
        if aside.exists():
            aside.rename(final)
        raise
    fault("rename")
    sync_folder(final.parent)
    with suppress(OSError):  # a hint for people, not worth a failed save: resume scans and verifies
        replace_synced(final.parent / "latest", f"{final.name}\n".encode())
        fault("latest")


def _delete(path: Path) -> None:
    doomed = path.with_name(f".del-{path.name.lstrip('.')}")
    shutil.rmtree(doomed, ignore_errors=True)
    with suppress(OSError):  # what can't be deleted now is swept at the next start
        path.rename(doomed)
        fault("delete")
        shutil.rmtree(doomed)


def _without_aliases(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    stored: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    first: dict[tuple[Any, ...], str] = {}
    for name in sorted(tensors):
        tensor = tensors[name]
        same = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.device)
        if tensor.numel() and same in first:
            aliases[name] = first[same]
        else:
            first[same] = name
            stored[name] = tensor
    return stored, aliases


def _read_tied(path: Path, state: Mapping[str, Any]) -> dict[str, Tensor]:
    tensors = read_tensors(path)
    try:
        return tensors | {name: tensors[target] for name, target in state["aliases"][path.name].items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ModelError(f"{STATE} ties tensors that {path.name} lacks: {error}", where=str(path.parent)) from None


def _refuse_non_finite(tensors: Mapping[str, Tensor], where: str) -> None:
    names = [name for name, tensor in tensors.items() if not _is_finite(tensor)]
    if names:
        raise NonFinite(names, where)


def _is_finite(tensor: Tensor) -> bool:
    floating = tensor.is_floating_point() or tensor.is_complex()
    return not floating or bool(torch.isfinite(tensor).all())  # sync: between steps


def _require_space(folder: Path, tensors: list[Tensor]) -> None:
    need, free = sum(tensor.nbytes for tensor in tensors), shutil.disk_usage(folder).free
    if free < need:
        raise EnvironmentProblem(f"needs {megabytes(need)}, {megabytes(free)} free")


def _save_failed(run: Run, state: Mapping[str, Any], error: Exception) -> EnvironmentProblem:
    reason = error.message if isinstance(error, EnvironmentProblem) else getattr(error, "strerror", None) or str(error)
    older = list_checkpoints(run)
    safe = f"; {older[-1].name} is untouched" if older else ""
    return EnvironmentProblem(
        f"could not save a checkpoint: {reason}",
        where=f"{run.folder}, step {state.get('step', '?')}{safe}",
        hint=f"free some space, then: {run.resume_command}",
    )


def _fallback_note(bad: Path, reason: str, used: Path) -> str:
    earlier = images_of(bad) - images_of(used)
    shown = f"{earlier // 1000}k" if earlier >= 10_000 else str(earlier)
    return f"{bad.name} is damaged ({reason}); using {used.name}, {shown} images earlier"


def _manifest(path: Path) -> dict[str, tuple[int, str]]:
    if not (path / MANIFEST).is_file():
        raise ModelError("unfinished: no manifest", where=str(path))
    manifest = read_json(path / MANIFEST)
    try:
        entries = {name: (entry["bytes"], entry["sha256"]) for name, entry in manifest["files"].items()}
    except (AttributeError, KeyError, TypeError):
        entries = {}
    if isinstance(manifest.get("schema"), int) and manifest["schema"] > SCHEMA:
        raise ModelError(f"schema {manifest['schema']}, this ganstyle reads {SCHEMA}", where=str(path))
    # Comparing the bytes as well finds damage that JSON forgives: blanks, repeated and additional keys.
    known = {"files": manifest.get("files"), "schema": SCHEMA}
    if sorted(entries) != sorted(PARTS) or dump_json(known) != (path / MANIFEST).read_bytes():
        raise ModelError(f"{MANIFEST} is damaged", where=str(path))
    return entries


def _verify_file(path: Path, size: int, digest: str) -> None:
    found = path.stat().st_size if path.is_file() else 0
    if found != size:
        raise ModelError(f"{path.name} has {found} of {size} bytes", where=str(path))
    if _sha256(path) != digest:
        raise ModelError(f"{path.name} sha256 differs", where=str(path))


def _verifies(path: Path) -> bool:
    try:
        verify(path)
    except (ModelError, OSError):
        return False
    return True


def _sizes_match(path: Path) -> bool:
    try:
        return all((path / name).stat().st_size == size for name, (size, _) in _manifest(path).items())
    except (ModelError, OSError):
        return False


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _best(state: Mapping[str, Any]) -> int | None:
    best = state.get("best")
    return best.get("images") if isinstance(best, Mapping) else None
