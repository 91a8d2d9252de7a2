from __future__ import annotations

import getpass
import json
import platform
import socket
from pathlib import Path

import pytest
import torch

from ganstyle.engine import environment
from ganstyle.engine.environment import describe_environment, git_commit, metadata_version

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_versions_device_and_threads_are_those_of_this_process():
    found = describe_environment()
    assert found["torch"] == torch.__version__ and found["python"] == platform.python_version()
    assert found["threads"] == torch.get_num_threads() and found["device"].startswith("cpu ")


def test_it_is_plain_json_without_home_or_host():
    text = json.dumps(describe_environment())
    assert str(Path.home()) + "/" not in text and socket.gethostname() not in text
    assert f'"{getpass.getuser()}"' not in text


def test_every_built_in_plugin_is_named_with_a_hash_of_its_code():
    plugins = describe_environment()["plugins"]
    assert {"data", "gans", "metrics", "styles"} <= plugins.keys()
    assert all(len(plugins[name].split()[1]) == 16 for name in ("data", "gans"))


@pytest.mark.parametrize(
    "edit",
    [
        lambda package: (package / "a.py").write_text("x = 2"),
        lambda package: (package / "deep" / "b.py").rename(package / "b.py"),
        lambda package: (package / "c.py").write_text(""),
        lambda package: (package / "deep" / "b.py").unlink(),
    ],
)
def test_any_edit_of_the_code_changes_its_hash(tmp_path, edit):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "deep" / "b.py").write_text("y = 1")
    before = environment._code_hash.__wrapped__(tmp_path)
    edit(tmp_path)
    assert environment._code_hash.__wrapped__(tmp_path) != before


def test_compiled_files_do_not_change_the_hash(tmp_path):
    (tmp_path / "a.py").write_text("x = 1")
    before = environment._code_hash.__wrapped__(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("z")
    assert environment._code_hash.__wrapped__(tmp_path) == before


@pytest.mark.parametrize("head", [f"{COMMIT}\n", "ref: refs/heads/main\n"])
def test_the_commit_is_read_from_a_detached_or_named_head(tmp_path, head):
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "refs" / "heads" / "main").write_text(f"{COMMIT}\n")
    (tmp_path / ".git" / "HEAD").write_text(head)
    assert git_commit(tmp_path) == COMMIT


def test_without_a_repository_there_is_no_commit(tmp_path):
    assert git_commit(tmp_path) is None


def test_a_distribution_that_is_not_installed_is_unknown():
    assert metadata_version("ganstyle-of-another-world") == "unknown"
