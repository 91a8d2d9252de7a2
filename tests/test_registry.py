"""A broken plugin is a line; the rest works."""

from __future__ import annotations

import subprocess
import sys

import pytest
from fake_plugins import GOOD, Site

from ganstyle.api import KINDS, Loss, Options
from ganstyle.errors import EnvironmentProblem, UsageError
from ganstyle.registry import PluginStatus, Registry, default_registry, load_registry


def status_of(registry: Registry, key: str) -> PluginStatus:
    return next(status for status in registry.plugins if status.key == key)


def with_parts(*components, key="fake:main") -> Registry:
    registry = Registry()
    distribution, name = key.split(":")
    registry.add(PluginStatus(key, name, distribution, "1.0", components=components))
    return registry


def test_an_installed_plugin_adds_its_names_beside_the_built_in_ones(site: Site):
    key = site.add_good("fake_good", loss="fake_loss")
    registry = load_registry()
    assert {"bce", "fake_loss"} <= set(registry.names("loss"))
    assert registry.origin("loss", "fake_loss").key == key == "fake-good:main"
    assert status_of(registry, key).version == "1.0"


def test_built_ins_come_first_and_all_load():
    registry = load_registry()
    built_in = [status.built_in for status in registry.plugins]
    assert built_in == sorted(built_in, reverse=True)
    assert [status.error for status in registry.plugins if status.built_in] == [""] * 5


BROKEN = {
    "raises at import": ("1 / 0", "ZeroDivisionError: division by zero"),
    "leaves at import": ("raise SystemExit(0)", "SystemExit: 0"),
    "syntax": ("def (", "SyntaxError"),
    "missing import": ("import no_such_module_here", "ModuleNotFoundError: No module named 'no_such_module_here'"),
    "base exception": ("class Odd(BaseException): pass\nraise Odd('x')", "Odd: x"),
    "no API number": ("", "sets no plugin API number (ganstyle_api = 1)"),
    "true is no number": ("ganstyle_api = True", "sets no plugin API number"),
    "newer API": ("ganstyle_api = 7", "needs plugin API 7, this ganstyle has 1: upgrade ganstyle"),
    "older API": ("ganstyle_api = 0", "needs plugin API 0, this ganstyle has 1: upgrade the plugin"),
    "no hook": ("ganstyle_api = 1", "has no hook ganstyle_components()"),
    "hook argument": (
        "from ganstyle.api import hookimpl\nganstyle_api = 1\n@hookimpl\ndef ganstyle_components(config): return []",
        "PluginValidationError",
    ),
    "unknown hook": (GOOD.format(loss="x1", module="m") + "@hookimpl\ndef ganstyle_compnents(): ...", "unknown hook"),
    "leaves in hook": (GOOD.format(loss="x2", module="m") + "    raise SystemExit(3)", "SystemExit: 3"),
    "wrong record": (GOOD.format(loss="x3", module="m") + "    yield 'dcgan'", "returned a str, which is no component"),
    "bad name": (GOOD.format(loss="Not A Name", module="m"), "ValueError: component name 'Not A Name' must match"),
    "no sentence": ("from ganstyle.api import Loss\nLoss('a', '', print)", "needs a one-line summary"),
    "endless": (GOOD.format(loss="x4", module="m") + "    while True: yield Loss('a', 'b', print)", "more than 1000"),
    "own twin": (GOOD.format(loss="x5", module="m") + "    yield Loss('x5', 'Again.', print)", "two components"),
    "shadow": (GOOD.format(loss="bce", module="m"), "loss 'bce' already comes from plugin ganstyle:gans"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_one_line_and_the_rest_works(site: Site, case: str):
    source, message = BROKEN[case]
    broken = site.add("fake_broken", source)
    site.add_good("fake_other", loss="other_loss")
    registry = load_registry()
    error = status_of(registry, broken).error
    assert message in error and "\n" not in error and len(error) <= 300
    assert status_of(registry, broken).components == ()
    assert {"bce", "other_loss"} <= set(registry.names("loss"))
    assert registry.origin("loss", "bce").built_in


def test_an_interrupt_while_loading_passes(site: Site):
    site.add("fake_slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_registry()


def test_the_previous_api_number_still_loads(site: Site, monkeypatch):
    key = site.add_good("fake_old", loss="old_loss")
    monkeypatch.setattr("ganstyle.registry.API_VERSION", 2)
    assert status_of(load_registry(), key).state == "ok"
    monkeypatch.setattr("ganstyle.registry.API_VERSION", 3)
    assert "needs plugin API 1, this ganstyle has 3 and 2" in status_of(load_registry(), key).error


def test_of_two_equal_names_the_second_plugin_fails_as_a_whole(site: Site):
    first = site.add_good("fake_a", loss="same")
    second = site.add("fake_b", GOOD.format(loss="same", module="m") + "    yield Loss('unique', 'x', print)")
    registry = load_registry()
    assert registry.origin("loss", "same").key == first
    assert status_of(registry, second).error == "ValueError: loss 'same' already comes from plugin fake-a:main"
    assert "unique" not in registry.names("loss")


def test_a_second_installation_of_a_distribution_is_named_and_left_out(site: Site, tmp_path, monkeypatch):
    key = site.add_good("fake_twin", loss="twin_loss")
    site.register("Fake_Twin", "main = fake_twin_evil", folder=tmp_path / "later")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "later")])
    twins = [status for status in load_registry().plugins if status.key == key]
    assert [status.state for status in twins] == ["ok", "failed"]
    assert "a second installation of fake-twin, at " in twins[1].error


def test_a_folder_that_is_twice_on_the_path_is_no_twin(site: Site, tmp_path, monkeypatch):
    key = site.add_good("fake_once", loss="once")
    (tmp_path / "link").symlink_to(site.folder)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "link")])
    assert [status.key for status in load_registry().plugins].count(key) == 1


def test_a_second_entry_point_of_the_same_name_is_refused(site: Site):
    site.write("fake_one", GOOD.format(loss="one", module="m"))
    site.write("fake_two", GOOD.format(loss="two", module="m"))
    site.register("fake-double", "main = fake_one\nmain = fake_two")
    registry = load_registry()
    assert "one" in registry.names("loss") and "two" not in registry.names("loss")
    assert registry.plugins[-1].error == "fake-double has a second entry point named main"


@pytest.mark.parametrize("word", ["fake-off:main", "fake-off", "main"])
def test_plugins_are_disabled_by_key_distribution_or_entry_point(site: Site, monkeypatch, word):
    key = site.add("fake_off", "raise SystemExit")
    monkeypatch.setenv("GANSTYLE_DISABLE_PLUGINS", f"something, {word}")
    assert status_of(load_registry(), key).state == "disabled"
    assert "fake_off" not in sys.modules


def test_without_plugins_only_built_ins_are_imported(site: Site, monkeypatch):
    site.add_good("fake_extra", loss="extra")
    assert {status.distribution for status in load_registry(plugins=False).plugins} == {"ganstyle"}
    monkeypatch.setenv("GANSTYLE_NO_PLUGINS", "1")
    assert "extra" not in default_registry().names("loss")
    assert "fake_extra" not in sys.modules


def test_strict_mode_raises_with_the_plugin_and_the_cause(site: Site, monkeypatch):
    site.add("fake_strict", "1 / 0")
    monkeypatch.setenv("GANSTYLE_STRICT_PLUGINS", "1")
    monkeypatch.setenv("GANSTYLE_DISABLE_PLUGINS", "ganstyle")
    with pytest.raises(EnvironmentProblem, match="plugin fake-strict:main: ZeroDivisionError") as caught:
        load_registry()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_the_cached_registry_is_one_object(site: Site):
    assert default_registry() is default_registry()


def test_a_miss_says_what_was_meant_and_which_plugins_failed(site: Site):
    site.add("fake_gone", "import fake_missing_dependency")
    with pytest.raises(UsageError, match="unknown loss 'bec'; did you mean 'bce'") as caught:
        load_registry().get("loss", "bec")
    assert caught.value.where == "--loss"
    assert "ganstyle loss list" in caught.value.hint
    assert "fake-gone:main (ModuleNotFoundError" in caught.value.hint


def test_an_unknown_kind_is_a_usage_error():
    with pytest.raises(UsageError, match="unknown kind of component 'losses'; did you mean 'loss'"):
        Registry().names("losses")


def test_an_empty_registry_says_that_nothing_is_installed():
    with pytest.raises(UsageError) as caught:
        Registry().get("arch", "dcgan")
    assert "pip install ganstyle" in caught.value.hint


def test_what_a_plugin_prints_while_loading_stays_off_stdout(site: Site, capfd):
    site.add("fake_loud", "print('hello')\n" + GOOD.format(loss="loud", module="m"))
    load_registry()
    out, err = capfd.readouterr()
    assert out == "" and "hello" in err


def test_only_the_options_annotation_is_evaluated(site: Site):
    site.add_good("fake_annotated", loss="annotated")  # its other annotation names nothing that exists
    registry = load_registry()
    model = registry.options_model(registry.get("loss", "annotated"))
    assert list(model.model_fields) == ["gain"]


def test_build_validates_and_passes_the_arguments_on(site: Site):
    site.add_good("fake_built", loss="built")
    registry = load_registry()
    assert registry.build("loss", "built", {"gain": 3}, "cpu") == (3.0, ("cpu",))
    with pytest.raises(UsageError, match="loss has no option 'gian'; did you mean 'gain'"):
        registry.build("loss", "built", {"gian": 3})


class ToyOptions(Options):
    pass


class Toy:
    def __init__(self, options: ToyOptions) -> None:
        self.options = options


class ToyFactory:
    def __call__(self, options: ToyOptions) -> int:
        return 4


def unannotated(options):
    raise AssertionError


def wrong_annotation(options: int):
    raise AssertionError


@pytest.mark.parametrize("target", [Toy, ToyFactory()])
def test_classes_and_callable_objects_have_options_too(target):
    loss = Loss("toy", "A toy.", target)
    assert with_parts(loss).options_model(loss) is ToyOptions


@pytest.mark.parametrize("target", [unannotated, wrong_annotation, dict, len, lambda: 0])
def test_a_target_without_options_names_its_plugin(target):
    loss = Loss("toy", "A toy.", target)
    with pytest.raises(EnvironmentProblem, match="loss 'toy' has no usable options: ") as caught:
        with_parts(loss).options_model(loss)
    assert "plugin fake:main" in caught.value.where


@pytest.mark.parametrize("target", ["no_such_module_x:build", "math:no_such_name", "math:pi"])
def test_a_target_that_cannot_be_imported_names_its_plugin(target):
    loss = Loss("toy", "A toy.", target)
    with pytest.raises(EnvironmentProblem, match="loss 'toy' can't be loaded: ") as caught:
        with_parts(loss).resolve(loss)
    assert caught.value.where == f"plugin fake:main, {target}"


def test_a_plugin_that_raises_at_use_is_named():
    def leaves(options: ToyOptions) -> None:
        raise SystemExit("bye")

    registry = with_parts(Loss("toy", "A toy.", leaves))
    with pytest.raises(EnvironmentProblem, match="loss 'toy' failed: SystemExit: bye") as caught:
        registry.build("loss", "toy", {})
    assert "plugin fake:main" in caught.value.where


@pytest.mark.parametrize("error", [UsageError("too small"), MemoryError(), KeyboardInterrupt()])
def test_our_own_errors_lack_of_memory_and_interrupts_pass_unchanged(error):
    def refuses(options: ToyOptions) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        with_parts(Loss("toy", "A toy.", refuses)).build("loss", "toy", {})
    assert caught.value is error


def test_a_torchvision_that_does_not_match_gets_its_remedy():
    def mismatched(options: ToyOptions) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    with pytest.raises(EnvironmentProblem) as caught:
        with_parts(Loss("toy", "A toy.", mismatched)).build("loss", "toy", {})
    assert "torch and torchvision don't match" in caught.value.hint


CHECKING = GOOD + "@hookimpl\ndef ganstyle_checks():\n    {body}\n"


def test_checks_of_plugins_are_collected_and_isolated(site: Site):
    fine = site.add("fake_checked", CHECKING.format(loss="c1", module="m", body="return [('weights', False, 'get x')]"))
    bad = site.add("fake_unchecked", CHECKING.format(loss="c2", module="m", body="raise SystemExit"))
    lines = {status.key: rest for status, *rest in load_registry().checks()}
    assert lines[fine] == ["weights", False, "get x"]
    assert lines[bad] == ["ganstyle_checks", False, "SystemExit"]


def test_listing_every_kind_imports_neither_torch_nor_pydantic():
    code = (
        "import sys; from ganstyle.registry import load_registry; from ganstyle.api import KINDS\n"
        "registry = load_registry(plugins=False); [registry.components(kind) for kind in KINDS]\n"
        "print(sorted({'torch', 'pydantic', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_sorted_for_every_kind():
    registry = load_registry(plugins=False)
    for kind in KINDS:
        names = [component.name for component in registry.components(kind)]
        assert names == sorted(set(names))
