"""The conformance kit: what ganstyle relies on, checked for any plugin.

Three lines test a whole plugin:

    from ganstyle.testing import check_plugin

    def test_the_plugin_keeps_the_contract():
        check_plugin("ganstyle_tiny")

Every check raises a `ConformanceError` that lists all that is wrong, each with its remedy.
"""

from ganstyle.testing._architecture import SIZES, check_architecture
from ganstyle.testing._backbone import check_backbone
from ganstyle.testing._callback import check_callback
from ganstyle.testing._dataset import check_dataset
from ganstyle.testing._evaluator import check_evaluator
from ganstyle.testing._findings import ConformanceError, NotCheckable
from ganstyle.testing._loss import check_loss
from ganstyle.testing._plugin import Report, check_component, check_plugin
from ganstyle.testing._regularizer import check_regularizer
from ganstyle.testing._task import check_task

__all__ = [
    "SIZES",
    "ConformanceError",
    "NotCheckable",
    "Report",
    "check_architecture",
    "check_backbone",
    "check_callback",
    "check_component",
    "check_dataset",
    "check_evaluator",
    "check_loss",
    "check_plugin",
    "check_regularizer",
    "check_task",
]
