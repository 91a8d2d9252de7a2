"""The kit must catch deliberately broken data sets and callbacks, and pass right ones."""

from __future__ import annotations

import random

import pytest
import torch

from ganstyle.api import Options
from ganstyle.errors import NoInputError, UsageError
from ganstyle.testing import ConformanceError, NotCheckable, check_callback, check_dataset


class NoOptions(Options):
    pass


class Good:
    """Three grey pictures; the broken ones below differ from it in one point each."""

    styles = ("dark", "light")
    files = ("a", "b", "c")

    def __init__(self, options: NoOptions, split: str) -> None:
        self.length = 3

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict:
        return {"images": torch.full((3, 4 + index, 5), index, dtype=torch.uint8), "labels": index % 2}

    def sample(self, index: int, generator: torch.Generator) -> dict:
        return {"images": torch.randint(0, 256, (3, 4, 4), generator=generator, dtype=torch.uint8)}

    def fingerprint(self) -> str:
        return "grey"


class Empty(Good):
    def __len__(self):
        return 0


class Floats(Good):
    def __getitem__(self, index):
        return {"images": torch.zeros(3, 4, 4)}


class ChannelsLast(Good):
    def __getitem__(self, index):
        return {"images": torch.zeros(4, 4, 3, dtype=torch.uint8)}


class Tuples(Good):
    def __getitem__(self, index):
        return torch.zeros(3, 4, 4, dtype=torch.uint8), 0


class RandomItems(Good):
    def __getitem__(self, index):
        return {"images": torch.randint(0, 256, (3, 4, 4), dtype=torch.uint8)}


class UnknownLabel(Good):
    def __getitem__(self, index):
        return super().__getitem__(index) | {"labels": 2}


class FewFiles(Good):
    files = ("a",)


class TwinStyles(Good):
    styles = ("dark", "dark")


class GlobalDraw(Good):
    def sample(self, index, generator):
        return super().__getitem__(index) | {"labels": int(torch.randint(0, 2**31, ()))}


class RandomFingerprint(Good):
    def fingerprint(self):
        return str(random.random())


class Unpicklable(Good):
    def __init__(self, options: NoOptions, split: str) -> None:
        super().__init__(options, split)
        self.reader = lambda: None


BROKEN = {
    Empty: "it is empty",
    Floats: "item 0 has images (3, 4, 4) torch.float32",
    ChannelsLast: "item 0 has images (4, 4, 3) torch.uint8",
    Tuples: "item 0 is a tuple",
    RandomItems: "item 0 differs when read again",
    UnknownLabel: "item 0 has label 2 of 2 styles",
    FewFiles: "1 files for 3 items",
    TwinStyles: "styles are ('dark', 'dark')",
    GlobalDraw: "sample() differs for equal generators",
    RandomFingerprint: "fingerprint() differs between two builds",
    Unpicklable: "it can't be sent to a worker process",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_data_set_is_caught(broken):
    with pytest.raises(ConformanceError) as caught:
        check_dataset(broken)
    assert any(BROKEN[broken] in failure for failure in caught.value.failures), caught.value.failures


def test_a_right_data_set_passes():
    assert check_dataset(Good) is None


@pytest.mark.parametrize("error", [NoInputError("no pictures here"), UsageError("no path")])
def test_missing_data_are_no_failure(error):
    def build(options: NoOptions, split: str):
        raise error

    with pytest.raises(NotCheckable, match=error.message):
        check_dataset(build)


def test_a_callback_with_a_misspelled_method_is_caught():
    class Misspelled:
        def __init__(self, options: NoOptions) -> None: ...
        def on_setp(self, step, scalars): ...

    with pytest.raises(ConformanceError) as caught:
        check_callback(Misspelled)
    assert caught.value.failures == (
        "it has no method that is ever called; define one of on_start, on_step, on_end",
        "nothing calls on_setp(); did you mean 'on_step' or 'on_start' or 'on_end'?",
    )


def test_a_right_callback_passes():
    class Callback:
        def __init__(self, options: NoOptions) -> None: ...
        def on_end(self, run): ...

    assert check_callback(Callback) is None
