"""The table of metrics of sets: names, families, protocols of other tools."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ganstyle_metrics.set_records import SET_METRICS

from ganstyle.engine.protocols import protocol_metrics, protocol_names
from ganstyle.registry import load_registry

RECORDS = {record.name: record for record in SET_METRICS}
OFFLINE = "_efficientnet_lite0"


def test_every_family_has_a_member_that_works_offline():
    for name in ("kid", "precision", "recall", "density", "coverage"):
        assert name in RECORDS and name + OFFLINE in RECORDS
    assert {"fd" + OFFLINE, "fd_infinity" + OFFLINE, "memorization"} <= set(RECORDS)


def test_what_is_no_fid_is_not_called_fid_and_says_so():
    for name, record in RECORDS.items():
        if name.endswith(OFFLINE):
            assert "fid" not in name and "offline" in record.summary
        if name.startswith("fd") and name.endswith(OFFLINE):
            assert "not FID" in record.summary


def test_all_name_their_paper_and_can_be_resolved():
    registry = load_registry(plugins=False)
    for record in SET_METRICS:
        assert record.reference.startswith("arXiv:")
        assert callable(registry.resolve(record)) and registry.options_model(record)


def test_the_table_imports_no_torch():
    code = "import sys, ganstyle_metrics.set_records; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("tool", "metrics", "resize"),
    [
        ("torch-fidelity", {"fid", "kid", "is", "precision", "recall"}, "tf1"),
        ("pytorch-fid", {"fid"}, "pytorch"),
        ("clean-fid", {"fid", "kid"}, "clean"),
        ("torchmetrics", {"fid", "kid", "is"}, "antialias"),
    ],
)
def test_a_protocol_has_the_metrics_and_the_resize_of_its_tool(tool, metrics, resize):
    registry = load_registry(plugins=False)
    assert tool in protocol_names(registry)
    chosen = {one.name: one.options for one in protocol_metrics(tool, registry=registry) if one.name in RECORDS}
    assert set(chosen) == metrics
    for name in metrics & {"fid", "kid", "is"}:
        assert chosen[name]["resize"] == resize
    model = registry.options_model(RECORDS["kid"])(**chosen.get("kid", {}))
    assert (model.subsets, model.subset_size) == (100, 1000)  # all of these tools' defaults
