"""The contract, checked by ganstyle's own kit."""

from __future__ import annotations

from ganstyle.testing import check_plugin


def test_the_plugin_keeps_the_contract() -> None:
    report = check_plugin("ganstyle_example", options={"arch.example": {"channels": 8}})
    assert report.checked == ["arch.example", "loss.example", "metric.example"]
    assert report.skipped == {}
