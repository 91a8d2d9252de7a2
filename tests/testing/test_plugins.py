"""`check_plugin` looks at the module, its table and every component, and says what it couldn't check."""

from __future__ import annotations

import pytest
from fake_plugins import GOOD

from ganstyle.testing import ConformanceError, Report, check_plugin

PARTS = """
from ganstyle.api import Options
from ganstyle.errors import EnvironmentProblem, UsageError
class NoOptions(Options): pass
class Loss:
    relativistic = False
    def __init__(self, options: NoOptions): pass
    def discriminator(self, real, fake): return (1 - real).relu().mean() + (1 + fake).relu().mean()
    def generator(self, real, fake): return {sign}fake.mean()
def metric(options: NoOptions, device): raise EnvironmentProblem("no weights")
def arch(options: NoOptions, image): raise UsageError("only 512")
"""
TABLE = """
from ganstyle.api import Architecture, Evaluator, Loss, hookimpl
ganstyle_api = 1
@hookimpl
def ganstyle_components():
    yield Loss("kit_loss", "x", "{module}_parts:Loss")
    yield Evaluator("kit_metric", "x", "{module}_parts:metric")
    yield Architecture("kit_arch", "x", "{module}_parts:arch", recipe={recipe})
"""


def write(site, module: str, *, sign: str = "-", recipe: str = "{}") -> str:
    site.write(f"{module}_parts", PARTS.format(sign=sign))
    site.write(module, TABLE.format(module=module, recipe=recipe))
    return module


def failures_of(module: str) -> str:
    with pytest.raises(ConformanceError) as caught:
        check_plugin(module)
    assert caught.value.where == f"plugin '{module}'"
    return "\n".join(caught.value.failures)


def test_the_report_says_what_was_checked_and_what_could_not_be(site):
    report = check_plugin(write(site, "kit_fine"))
    assert report.checked == ["loss.kit_loss"]
    assert report.skipped == {
        "metric.kit_metric": "metric 'kit_metric': no weights",
        "arch.kit_arch": "arch 'kit_arch' refuses every size: only 512",
    }
    assert isinstance(report, Report) and report.plugin == "kit_fine"


def test_a_broken_component_is_named(site):
    text = failures_of(write(site, "kit_sign", sign="+"))
    assert text == "loss 'kit_loss': generator() doesn't raise fake logits; turn the sign: it is minimised"


def test_a_recipe_with_an_unknown_key_is_caught(site):
    text = failures_of(write(site, "kit_recipe", recipe='{"optimizer.rl": 1.0}'))
    assert "arch 'kit_arch': its recipe is refused: optimizer has no option 'rl'" in text


BROKEN = {
    "heavy": ("import torch\n" + GOOD.format(loss="k1", module="m"), "importing it imports torch, numpy; name targets"),
    "loud": ("print('hi')\n" + GOOD.format(loss="k2", module="m"), "importing it prints 'hi\\n'"),
    "crash": ("1 / 0", "importing it fails: ZeroDivisionError: division by zero"),
    "version": ("ganstyle_api = 9\ndef ganstyle_components(): return []", "needs plugin API 9"),
    "no hook": ("ganstyle_api = 1", "has no hook ganstyle_components()"),
    "changing": (
        GOOD.format(loss="k3", module="m") + "    import itertools\n    global n\n    n = globals().get('n', 0) + 1\n"
        "    yield Loss(f'k3_{n}', 'x', 'm:f')\n",
        "ganstyle_components() differs when repeated",
    ),
    "shadow": (GOOD.format(loss="bce", module="m"), "loss 'bce' already comes from plugin ganstyle:gans; choose"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_module_is_caught(site, case):
    source, message = BROKEN[case]
    site.write(f"kit_{case.replace(' ', '_')}", source)
    assert message in failures_of(f"kit_{case.replace(' ', '_')}")


def test_a_module_that_is_not_there_is_caught():
    assert "No module named 'kit_absent'" in failures_of("kit_absent")
