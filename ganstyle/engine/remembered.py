"""Answers of evaluations, kept under all that they depend on, so that asking again costs no network and no torch.

An answer is found again only if the code, the torch version, the options, every file of every picture, the model and
the weights that are present are the same. Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Any

import ganstyle
from ganstyle.data.finding import find_images
from ganstyle.engine.content_index import files_identity, home_cache, spread
from ganstyle.engine.durable import read_json, replace_synced
from ganstyle.engine.scores import Score, score_from_dict, score_to_dict
from ganstyle.errors import GanstyleError

VERSION = 1
KEPT = 500  # answers; the oldest go
MODEL = "model.safetensors"
MOST_OF_A_RUN = 1000  # pictures of a run's own data, see `sources.DEFAULT_COUNT`
_ENVIRONMENT = ("CUDA_VISIBLE_DEVICES", "GANSTYLE_NO_PLUGINS", "GANSTYLE_DISABLE_PLUGINS")


@dataclass(frozen=True)
class Answer:
    """What a command answered.

    Attributes:
        facts: JSON types.
        scores: of all metrics.
        written: when, in UTC.
    """

    facts: dict[str, Any]
    scores: list[Score]
    written: str


def answer_key(request: Mapping[str, Any], places: Sequence[tuple[str, int | None]]) -> str:
    """Return what an answer is kept under; empty if it depends on something that can't be followed.

    Args:
        request: options in JSON types.
        places: words that name runs, models, folders, zips or files, with the number of pictures taken of each.
    """
    contents = [place_identity(Path(word), count) for word, count in places]
    if not all(contents):
        return ""
    around = {name: os.environ.get(name, "") for name in _ENVIRONMENT}
    parts = [VERSION, dict(request), contents, _code(), _weights(), around, Path("/dev/nvidiactl").exists()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def place_identity(path: Path, count: int | None) -> str:
    """Return a hash of what a place holds; empty if it is unknown."""
    if (path / "config.json").is_file():
        return _run_identity(path, path / MODEL, count)
    if path.suffix == ".safetensors" and (path.parent / "config.json").is_file():
        return _run_identity(path.parent, path, count)
    with suppress(GanstyleError, OSError):
        if path.is_dir():
            files = spread(find_images(path).files, count)
            return files_identity(files, path) if files else ""
        if path.is_file():
            return files_identity([path])
    return ""


def _run_identity(folder: Path, model: Path, count: int | None) -> str:
    """Hash a run's model, its configuration and the pictures that it was trained on."""
    try:
        data = read_json(folder / "config.json").get("data", {})
    except GanstyleError:
        return ""
    place = Path(data["path"]) if data.get("path") and data.get("name") in {"folder", "zip"} else _embedded(data)
    own = place_identity(place, None if place.is_dir() else count or MOST_OF_A_RUN) if place else ""
    known = files_identity([model, folder / "config.json"])
    return hashlib.sha256(f"{known}\0{own}".encode()).hexdigest() if known and own else ""


def _embedded(data: Mapping[str, Any]) -> Path | None:
    from ganstyle.data.embedded import embedded_root

    if data.get("name") != "embedded":
        return None
    with suppress(GanstyleError):
        return embedded_root() / str(data.get("part") or "paintings")
    return None


@cache
def _code() -> str:
    """Hash name, size and time of every source file of the package and of all plugins, and versions."""
    digest = hashlib.sha256(ganstyle.__version__.encode())
    for name in ("torch", "numpy", "pillow"):
        with suppress(metadata.PackageNotFoundError):
            digest.update(f"{name} {metadata.version(name)}\n".encode())
    folders = [Path(ganstyle.__file__).parent]
    for point in sorted(metadata.entry_points(group="ganstyle"), key=lambda one: one.value):
        spec = util.find_spec(point.value.partition(":")[0].partition(".")[0])
        folders += [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    for line in _stamps(file for folder in folders for file in sorted(folder.rglob("*.py"))):
        digest.update(line.encode())
    return digest.hexdigest()


def _weights() -> list[str]:
    """Return the files in the folders where weights are looked for: a new one may end an error."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "torch"
    folders = [Path(home) / "hub" / "checkpoints", Path(os.environ.get("GANSTYLE_WEIGHTS_DIR") or "nowhere")]
    return list(_stamps(file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir())))


def _stamps(files: Iterable[Path]) -> Iterable[str]:
    for file in files:
        with suppress(OSError):
            stat = file.stat()
            yield f"{file} {stat.st_size} {stat.st_mtime_ns}\n"


def recall(key: str) -> Answer | None:
    """Return a kept answer; None if there is none, or it is damaged."""
    path = _folder() / f"{key}.json"
    if not key or not path.is_file():
        return None
    with suppress(GanstyleError, OSError, ValueError, KeyError, TypeError):
        stored = read_json(path)
        if stored["sha256"] == _digest(stored):
            os.utime(path)
            return Answer(stored["facts"], [score_from_dict(one) for one in stored["scores"]], stored["written"])
    return None


def remember(key: str, answer: Answer) -> None:
    """Keep an answer; a full or read-only disk is no error."""
    if not key:
        return
    stored = {"facts": answer.facts, "scores": [score_to_dict(one) for one in answer.scores], "written": answer.written}
    with suppress(OSError, ValueError, TypeError):
        data = json.dumps(stored | {"sha256": _digest(json.loads(json.dumps(stored)))}).encode()
        _folder().mkdir(parents=True, exist_ok=True)
        replace_synced(_folder() / f"{key}.json", data)
        files = sorted(_folder().glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[KEPT:]:
            file.unlink(missing_ok=True)


def _digest(stored: Mapping[str, Any]) -> str:
    content = {key: stored[key] for key in ("facts", "scores", "written")}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _folder() -> Path:
    return home_cache() / "answers"
