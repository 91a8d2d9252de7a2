"""Listings are complete, cheap and survive broken plugins; `show` tells what `--set` takes."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from ganstyle.api import KINDS
from ganstyle.registry import load_registry

COMMANDS = {kind: {"data": "dataset"}.get(kind, kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_holds_every_component_of_its_kind(run_cli, kind):
    done = run_cli(COMMANDS[kind], "list", "--json")
    answer = json.loads(done.out)
    assert (done.code, answer["schema"], answer["kind"]) == (0, 1, kind)
    assert [row["name"] for row in answer["components"]] == load_registry().names(kind)


def test_a_list_is_a_table_for_people(run_cli):
    first, *rows = run_cli("loss", "list").out.splitlines()
    assert first.split() == ["name", "summary", "reference", "plugin"]
    bce = next(row for row in rows if row.startswith("bce "))
    assert bce.split()[-2:] == ["arXiv:1406.2661", "ganstyle:gans"]


def test_an_empty_list_says_so(run_cli, monkeypatch):
    monkeypatch.setenv("GANSTYLE_DISABLE_PLUGINS", "ganstyle")
    from ganstyle.registry import default_registry

    default_registry.cache_clear()
    done = run_cli("callback", "list")
    default_registry.cache_clear()
    assert (done.code, done.out) == (0, "there are no callbacks\n")


def test_a_list_names_plugins_that_failed_and_goes_on(site, run_cli):
    site.add("fake_unlisted", "1 / 0")
    done = run_cli("loss", "list")
    assert done.code == 0 and "bce" in done.out
    assert "fake-unlisted:main" in done.err
    answer = json.loads(run_cli("loss", "list", "--json").out)
    assert answer["failed_plugins"]["fake-unlisted:main"] == "ZeroDivisionError: division by zero"


def test_no_plugins_hides_those_of_others(site, run_cli):
    site.add_good("fake_hidden", loss="hidden_loss")
    assert "hidden_loss" in run_cli("loss", "list").out
    from ganstyle.registry import default_registry

    default_registry.cache_clear()
    assert "hidden_loss" not in run_cli("loss", "list", "--no-plugins").out


def test_show_prints_reference_plugin_and_options(run_cli):
    done = run_cli("arch", "show", "dcgan")
    assert done.code == 0
    assert "reference: arXiv:1511.06434" in done.out
    assert "plugin: ganstyle:gans " in done.out
    row = next(line for line in done.out.splitlines() if line.startswith("arch.z_dim"))
    assert "integer" in row and ">= 1" in row and "Latent dimension." in row


def test_show_spells_the_options_of_listed_kinds_with_the_name(site, run_cli):
    site.add_good("fake_shown", loss="shown_loss")
    answer = json.loads(run_cli("loss", "show", "shown_loss", "--json").out)
    expected = {"name": "gain", "type": "number", "default": 1.0, "range": "> 0", "description": "Factor."}
    assert answer["options"] == [expected]
    assert "use: ganstyle train --loss shown_loss --set loss.gain=1.0\n" in run_cli("loss", "show", "shown_loss").out
    assert "regularizer.r1." in run_cli("regularizer", "show", "r1").out


TINY = ("--resolution", "16", "--batch", "4")  # its own would take most of a minute to look at


@pytest.mark.parametrize(
    ("kind", "name", "more"),
    [("loss", "lsgan", ()), ("regularizer", "r1", ("--set", "arch.norm=spectral")), ("arch", "progan", TINY)],
)
def test_what_show_suggests_is_a_valid_command(run_cli, tmp_path, monkeypatch, kind, name, more):
    monkeypatch.chdir(tmp_path)
    text = run_cli(kind, "show", name).out
    words = next(line for line in text.splitlines() if line.startswith("use: ganstyle ")).split()[2:]
    done = run_cli(*words, *more, "--dry-run")
    assert done.code == 0, done.err


def test_an_unknown_name_is_a_usage_error_with_a_suggestion(run_cli):
    done = run_cli("arch", "show", "dcgn", "--json")
    error = json.loads(done.out)["error"]
    assert (done.code, error["kind"]) == (2, "usage")
    assert "did you mean 'dcgan'" in error["message"]


def test_a_component_that_cannot_be_imported_names_its_plugin(site, run_cli):
    site.add_good("fake_torn", loss="torn")
    (site.folder / "fake_torn_parts.py").write_text("raise RuntimeError('torn')")
    done = run_cli("loss", "show", "torn")
    assert done.code == 6
    assert "loss 'torn' can't be loaded: RuntimeError: torn" in done.err and "fake-torn:main" in done.err


@pytest.mark.parametrize("words", [("arch", "list"), ("metric", "list", "--json"), ("loss", "--help")])
def test_listings_import_no_torch_and_are_quick(words):
    code = f"import sys; from ganstyle.cli.app import main; main({list(words)!r})"
    code += "; print({'torch', 'numpy'} & set(sys.modules))"
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert time.perf_counter() - started < 3  # a bound for a busy machine; benchmarks/ measures
