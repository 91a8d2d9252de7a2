"""Data sets: uint8 pictures, repeatable items, random draws from the given generator alone."""

from __future__ import annotations

from collections.abc import Mapping
from multiprocessing.reduction import ForkingPickler
from pickle import PicklingError
from typing import Any

import torch
from torch import Tensor

from ganstyle.errors import GanstyleError
from ganstyle.testing._findings import Findings, NotCheckable
from ganstyle.testing._subject import Subject, Tested, subject_of


def check_dataset(tested: Tested, options: Mapping[str, Any] | None = None, *, split: str = "train") -> None:
    """Check a data set.

    Args:
        tested: the record or its target.
        options: of the data set, e.g. its path.
        split: `train` or `test`.

    Raises:
        ConformanceError: lists every breach.
        NotCheckable: it needs options or files that aren't here.
    """
    subject = subject_of(tested, "data", options)
    findings = subject.findings()
    with findings.watching("building or reading it"):
        dataset = _built(subject, split)
        length = len(dataset)
        if findings.require(length > 0, "it is empty", "raise ganstyle.errors.NoInputError with what was found"):
            for index in {0, length - 1}:
                _check_item(dataset, index, findings)
            _check_names(dataset, length, findings)
            _check_sample(dataset, findings)
            _check_workers(dataset, findings)
        if hasattr(dataset, "fingerprint"):
            same = dataset.fingerprint() == _built(subject, split).fingerprint()
            findings.require(same, "fingerprint() differs between two builds", "depend on the content alone")
    findings.raise_any()


def _built(subject: Subject, split: str) -> Any:
    try:
        return subject.build(split)
    except GanstyleError as error:
        raise NotCheckable(f"{subject.label}: {error.message}", hint=error.hint or "pass options") from error


def _check_item(dataset: Any, index: int, findings: Findings) -> None:
    item, again = dataset[index], dataset[index]
    if not findings.require(isinstance(item, Mapping), f"item {index} is a {type(item).__name__}", "return a dict"):
        return
    images = item.get("images")
    is_picture = isinstance(images, Tensor) and images.dtype == torch.uint8 and images.ndim == 3 and len(images) == 3
    found = f"{tuple(images.shape)} {images.dtype}" if isinstance(images, Tensor) else repr(images)[:60]
    findings.require(is_picture, f"item {index} has images {found}", "return a uint8 tensor (3, H, W)")
    findings.require(_equal(item, again), f"item {index} differs when read again", "draw at random in sample() only")
    labels, styles = item.get("labels"), getattr(dataset, "styles", None)
    if labels is not None and styles:
        known = 0 <= int(labels) < len(styles)
        findings.require(known, f"item {index} has label {int(labels)} of {len(styles)} styles", "count labels from 0")


def _check_names(dataset: Any, length: int, findings: Findings) -> None:
    files = getattr(dataset, "files", None)
    if files is not None:
        findings.require(len(files) == length, f"{len(files)} files for {length} items", "name each item")
    styles = getattr(dataset, "styles", None)
    if styles is not None:
        plain = all(isinstance(name, str) for name in styles) and len(set(styles)) == len(styles)
        findings.require(plain, f"styles are {styles!r}", "return a list of different names")


def _check_sample(dataset: Any, findings: Findings) -> None:
    if not hasattr(dataset, "sample"):
        return
    draws = []
    for seed in (0, 1):
        torch.manual_seed(seed)  # must not matter
        draws.append(dataset.sample(0, torch.Generator().manual_seed(5)))
    equal = _equal(*draws)
    findings.require(equal, "sample() differs for equal generators", "draw from the given generator alone")


def _check_workers(dataset: Any, findings: Findings) -> None:
    """Worker processes get the data set pickled."""
    try:
        ForkingPickler.dumps(dataset)
    except (TypeError, AttributeError, PicklingError) as error:
        findings.require(False, f"it can't be sent to a worker process ({error})", "open files on first use")


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor):
        return isinstance(second, Tensor) and torch.equal(first, second)
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(_equal(first[key], second[key]) for key in first)
    return bool(first == second)
