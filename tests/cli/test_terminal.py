"""Text on a terminal: nothing a file name holds reaches the cursor."""

from __future__ import annotations

import io
import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganstyle.cli.terminal import RED, clean, coloured, is_terminal, shown, write


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.text())
def test_clean_text_holds_no_control_characters(text):
    left = {char for char in clean(text) if unicodedata.category(char) in {"Cc", "Cf", "Cs"}}
    assert left <= {"\n", "\t"}


def test_clean_keeps_letters_of_every_script():
    assert clean("Hōkusai 葛飾北斎 ñ.jpg") == "Hōkusai 葛飾北斎 ñ.jpg"


def test_undecodable_bytes_of_a_name_are_shown_as_bytes():
    assert clean(os.fsdecode(b"caf\xe9.jpg")) == "caf\\xe9.jpg"


def test_a_shown_path_is_one_line_and_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "runs" / "a\nb.jpg") == "runs/a\\nb.jpg"


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("CI", "true")])
def test_dumb_and_ci_terminals_get_plain_lines(name, value, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    assert is_terminal(Terminal())
    monkeypatch.setenv(name, value)
    assert not is_terminal(Terminal())


def test_colour_needs_a_terminal_and_obeys_no_color(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured("error:", RED, Terminal()) == "\x1b[31merror:\x1b[0m"
    assert coloured("error:", RED, io.StringIO()) == "error:"
    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured("error:", RED, Terminal()) == "error:"


def test_a_closed_stream_is_no_terminal():
    stream = io.StringIO()
    stream.close()
    assert not is_terminal(stream)


def test_talk_to_a_closed_stderr_is_dropped_and_answers_are_not(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    stream = Closed()
    monkeypatch.setattr("sys.stderr", stream)
    write("talk", stream)
    with pytest.raises(BrokenPipeError):
        write("answer", Closed())
