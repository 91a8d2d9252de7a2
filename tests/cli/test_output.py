"""The two channels, the JSON forms and the error boundary."""

from __future__ import annotations

import errno
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ganstyle.cli.output import DeviceOption, JsonFlag, Output, QuietFlag, SeedOption, command, plain, report
from ganstyle.errors import DivergedError, EnvironmentProblem, InputError, ModelError, NoInputError, Stopped, UsageError


@dataclass
class Point:
    x: float
    path: Path


def runner_for(function):
    app = typer.Typer(rich_markup_mode=None)
    app.command()(function)
    return lambda *words: CliRunner().invoke(app, list(words))


def test_say_goes_to_stderr_and_leaves_stdout_to_the_answer(capsys):
    output = Output()
    output.say("working")
    output.result({"count": 3})
    assert capsys.readouterr() == ("count: 3\n", "working\n")


@pytest.mark.parametrize("mode", [{"quiet": True}, {"json": True}])
def test_quiet_and_json_silence_talk_warnings_and_progress(mode, capsys):
    output = Output(**mode)
    output.say("working")
    output.warn("careful")
    with output.progress("training", 2) as progress:
        progress.advance(2)
    assert capsys.readouterr() == ("", "")


def test_quiet_still_gives_the_answer(capsys):
    Output(quiet=True).result({}, text="runs/0001-dcgan")
    assert capsys.readouterr().out == "runs/0001-dcgan\n"


def test_json_answer_is_one_versioned_object(capsys):
    Output(json=True).result({"scores": [{"fid": 7.3}]}, table=(["metric"], [["fid"]]), text="text")
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "scores": [{"fid": 7.3}]}


def test_tables_are_aligned_columns_without_control_codes_in_a_pipe(capsys):
    Output().result({}, table=(("name", "what"), [("a", "first"), ("longer", "second")]))
    assert capsys.readouterr().out == "name    what\na       first\nlonger  second\n"


def test_file_names_cannot_move_the_cursor_or_be_read_as_markup(capsys):
    Output().say("skipped a[/].jpg [bold] \x1b[2J\u202e.jpg")
    assert capsys.readouterr().err == "skipped a[/].jpg [bold] \\x1b[2J\\u202e.jpg\n"


def test_a_table_cell_stays_on_its_line(capsys):
    Output().result({}, table=(["file"], [["a\nb"]]))
    assert capsys.readouterr().out == "file\na\\nb\n"


def test_rich_tables_show_markup_in_names_as_it_is(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    Output().result({}, table=(["file"], [["a[/].jpg"], ["[bold]b"]]))
    out = capsys.readouterr().out
    assert "a[/].jpg" in out and "[bold]b" in out


def test_plain_turns_what_json_lacks_into_what_it_has():
    found = plain({"nan": math.nan, "p": Point(1.5, Path("a/b")), "t": (1, None, True), 3: {"x"}})
    assert found == {"nan": None, "p": {"x": 1.5, "path": "a/b"}, "t": [1, None, True], "3": ["x"]}


def test_plain_unpacks_tensors():
    import torch

    assert plain({"v": torch.tensor([1.0, math.inf]), "n": torch.tensor(2)}) == {"v": [1.0, None], "n": 2}


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (UsageError("m"), 2, "usage"),
        (NoInputError("m"), 4, "no_input"),
        (InputError("m"), 4, "input"),
        (ModelError("m"), 5, "model"),
        (EnvironmentProblem("m"), 6, "environment"),
        (DivergedError("m"), 7, "diverged"),
        (Stopped("m"), 75, "stopped"),
        (ValueError("m"), 1, "internal"),
        (OSError(errno.ENOSPC, "m"), 6, "environment"),
        (PermissionError(errno.EACCES, "m", "out"), 6, "environment"),
        (MemoryError(), 6, "environment"),
        (RuntimeError("operator torchvision::nms does not exist"), 6, "environment"),
        (ModuleNotFoundError("m", name="torch"), 6, "environment"),
    ],
)
def test_every_error_has_its_code_and_kind(error, code, kind, capsys):
    assert report(error, json=True) == code
    found = json.loads(capsys.readouterr().out)["error"]
    assert (found["code"], found["kind"]) == (code, kind)


def test_errors_say_what_where_and_what_to_do_on_stderr(capsys):
    report(UsageError("unknown style 'monnet'", where="option --style", hint="did you mean 'monet'?"))
    expected = "error: unknown style 'monnet'\nwhere: option --style\nhint:  did you mean 'monet'?\n"
    assert capsys.readouterr() == ("", expected)


def test_an_interrupt_ends_quietly_with_130(capsys):
    assert report(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_a_bug_shows_its_traceback_only_when_debugging(capsys, monkeypatch):
    for debug, shown in (("0", False), ("1", True)):
        monkeypatch.setenv("GANSTYLE_DEBUG", debug)
        report(ZeroDivisionError("boom"))
        err = capsys.readouterr().err
        assert ("ZeroDivisionError: boom" in err.splitlines()) == shown
        assert "error: internal error: ZeroDivisionError: boom" in err


def test_command_turns_an_error_into_its_exit_code_and_json():
    @command
    def fail(json: JsonFlag = False) -> None:
        raise ModelError("damaged", where="m.safetensors")

    run = runner_for(fail)
    assert (run().exit_code, run().stderr) == (5, "error: damaged\nwhere: m.safetensors\n")
    assert json.loads(run("--json").stdout)["error"]["where"] == "m.safetensors"


def test_command_finds_the_json_flag_under_any_parameter_name():
    @command
    def fail(machine: JsonFlag = False) -> None:
        raise UsageError("no")

    assert json.loads(runner_for(fail)("--json").stdout)["error"]["kind"] == "usage"


def test_command_passes_on_a_code_that_it_returns_or_raises():
    @command
    def some_failed(by_return: bool = False) -> int:
        if by_return:
            return 3
        raise typer.Exit(3)

    run = runner_for(some_failed)
    assert (run().exit_code, run("--by-return").exit_code) == (3, 3)


def test_common_options_have_the_same_spelling_everywhere():
    @command
    def show(
        json: JsonFlag = False, quiet: QuietFlag = False, seed: SeedOption = 0, device: DeviceOption = "auto"
    ) -> None:
        typer.echo(f"{json} {quiet} {seed} {device}")

    assert runner_for(show)("--json", "-q", "--seed", "3", "--device", "cuda:1").stdout == "True True 3 cuda:1\n"


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cpu:0", ""])
def test_an_unknown_device_is_refused_before_anything_is_loaded(device):
    @command
    def show(device: DeviceOption = "auto") -> None:
        raise AssertionError

    assert isinstance(runner_for(show)("--device", device).exception, UsageError)
