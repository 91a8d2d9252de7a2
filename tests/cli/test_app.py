"""The command table: lazy, forgiving to read, strict to run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ganstyle.cli import app as module
from ganstyle.cli.app import COMMANDS, Command, load_command, main


@pytest.fixture
def broken(monkeypatch):
    """A command whose module can't be imported."""
    monkeypatch.setitem(COMMANDS, "broken", Command("no_such_module:x", "Is broken."))


def test_no_arguments_show_the_help(run_cli):
    assert run_cli() == run_cli("--help")


def test_help_starts_with_examples_and_lists_every_command(run_cli):
    done = run_cli("--help")
    assert done.code == 0
    assert done.out.index("ganstyle train --arch dcgan --loss bce") < done.out.index("Options:")
    assert all(f"\n  {name} " in done.out for name in COMMANDS)


def test_help_survives_a_command_that_cannot_be_imported(broken, run_cli):
    done = run_cli("--help")
    assert (done.code, done.err) == (0, "")
    assert "Is broken." in done.out


def test_running_a_command_that_cannot_be_imported_names_it(broken, run_cli):
    done = run_cli("broken", "--json")
    error = json.loads(done.out)["error"]
    assert (done.code, error["where"], error["hint"]) == (6, "ganstyle.cli.no_such_module", "ganstyle doctor")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_its_examples_before_its_options(name, run_cli):
    done = run_cli(name, "--help")
    assert done.code == 0
    assert all(0 < done.out.index(example) < done.out.index("Options:") for example in COMMANDS[name].examples)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name):
    command = load_command(name)
    commands = [command, *getattr(command, "commands", {}).values()]
    silent = [(c.name, p.name) for c in commands for p in c.params if not getattr(p, "help", None)]
    assert silent == []


def test_completion_is_offered_once(run_cli):
    assert "--install-completion" in run_cli("--help").out
    assert all("--install-completion" not in run_cli(name, "--help").out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_no_sections_of_docstrings(name, run_cli):
    assert not {"Args:", "Raises:", "Returns:"} & set(run_cli(name, "--help").out.split())


@pytest.mark.parametrize(("typo", "meant"), [("trian", "train"), ("tranfer", "transfer"), ("vers", "version")])
def test_a_mistyped_command_is_recognised(typo, meant, run_cli):
    done = run_cli(typo)
    assert done.code == 2
    assert f"error: unknown command '{typo}'" in done.err and f"ganstyle {meant}" in done.err


def test_a_mistyped_option_is_recognised(run_cli):
    done = run_cli("version", "--jsno")
    assert (done.code, done.out) == (2, "")
    assert "did you mean --json?" in done.err


def test_usage_errors_are_json_when_asked(run_cli):
    done = run_cli("version", "--nope", "--json")
    assert (done.code, json.loads(done.out)["error"]["kind"], done.err) == (2, "usage", "")


def test_a_missing_argument_names_the_command(run_cli):
    done = run_cli("version", "surplus")
    assert done.code == 2
    assert "where: ganstyle version" in done.err


def test_a_picture_in_place_of_a_command_is_transferred(tmp_path, monkeypatch):
    photo = tmp_path / "photo.JPG"
    photo.write_bytes(b"")
    _, command, rest = resolved(monkeypatch, str(photo), "--style", "monet")
    assert (command, rest) == ("transfer", [str(photo), "--style", "monet"])


def resolved(monkeypatch, *words):
    monkeypatch.setattr(module, "load_command", lambda name: name)
    group = module.typer.main.get_command(module.app)
    return group.resolve_command(group.make_context("ganstyle", list(words), resilient_parsing=True), list(words))


def test_a_missing_picture_is_not_taken_for_a_command(run_cli):
    done = run_cli("nowhere.jpg")
    assert (done.code, done.err.splitlines()[0]) == (2, "error: there is no picture 'nowhere.jpg'")


@pytest.mark.parametrize("words", [["--debug", "version"], ["version", "--debug"]])
def test_debug_may_stand_before_or_after_the_command(words, run_cli):
    assert run_cli(*words).code == 0
    assert os.environ["GANSTYLE_DEBUG"] == "1"


def test_words_after_the_double_dash_are_no_options(run_cli):
    assert run_cli("version", "--", "--debug").code == 2
    assert "GANSTYLE_DEBUG" not in os.environ


def test_no_plugins_reaches_the_processes_we_start(run_cli):
    run_cli("--no-plugins", "version")
    assert os.environ["GANSTYLE_NO_PLUGINS"] == "1"


def test_version_is_one_line_and_agrees_with_the_package(run_cli):
    import ganstyle

    assert run_cli("--version").out == run_cli("-V").out == f"ganstyle {ganstyle.__version__}\n"


def test_a_reader_that_leaves_early_is_no_error():
    program = "import sys; from ganstyle.cli.app import main; sys.exit(main(['--help']))"
    script = f'{sys.executable} -c "{program}" | head -1; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def test_an_ascii_terminal_gets_escapes_instead_of_a_traceback():
    program = "from ganstyle.cli.app import main; main(['葛飾'])"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stderr.startswith("error: unknown command '\\u845b\\u98fe'")


def test_an_interrupt_while_a_command_runs_exits_130(monkeypatch, run_cli):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("ganstyle.cli.version.metadata.version", interrupted)
    assert main(["version"]) == 130
