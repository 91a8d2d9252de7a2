"""An explicit device is that device or an error."""

from __future__ import annotations

import pytest
import torch

from ganstyle.engine.device import choose_device
from ganstyle.errors import EnvironmentProblem, UsageError


@pytest.fixture
def no_accelerator(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_takes_the_cpu_where_there_is_nothing_else(no_accelerator):
    assert choose_device("auto") == torch.device("cpu")


def test_auto_prefers_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto").type == "cuda"
    assert choose_device("cuda:1") == torch.device("cuda:1")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_a_missing_device_is_an_error_and_never_falls_back(no_accelerator, name):
    with pytest.raises(EnvironmentProblem, match=name) as caught:
        choose_device(name)
    assert caught.value.code == 6 and "doctor" in caught.value.hint


@pytest.mark.parametrize("name", ["gpu", "cuda:x", ""])
def test_an_unknown_device_is_a_usage_error(no_accelerator, name):
    with pytest.raises(UsageError):
        choose_device(name)
