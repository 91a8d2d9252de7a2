"""Lines of `ganstyle doctor`."""

from __future__ import annotations

import ganstyle_metrics
from ganstyle_metrics.inception import INCEPTION


def test_missing_weights_are_a_line_with_a_remedy_and_present_ones_are_not(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GANSTYLE_WEIGHTS_DIR", str(tmp_path))
    [(what, ok, remedy)] = ganstyle_metrics.ganstyle_checks()
    assert (what, ok) == ("weights of the Inception network of FID", False)
    assert INCEPTION.url in remedy and str(tmp_path / INCEPTION.files[0]) in remedy
    with open(tmp_path / INCEPTION.files[1], "wb") as file:
        file.truncate(INCEPTION.size)
    assert list(ganstyle_metrics.ganstyle_checks()) == [(what, True, "")]


def test_every_metric_has_its_own_name():
    names = [component.name for component in ganstyle_metrics.ganstyle_components()]
    assert sorted(names) == sorted(set(names))
    assert {"fid", "is", "kid", "ssim", "psnr", "fd_efficientnet_lite0"} <= set(names)
