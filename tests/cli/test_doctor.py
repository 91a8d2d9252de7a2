"""Doctor finds what is broken, says what helps, and never ends in a traceback itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganstyle.cli import doctor as module
from ganstyle.cli.doctor import Finding, examine, home_folder

NMS = "raise RuntimeError('operator torchvision::nms does not exist')"


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def start(site, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process whose path starts with the site folder."""
    code = f"from ganstyle.cli.app import main; raise SystemExit(main({list(words)!r}))"
    environment = os.environ | {"PYTHONPATH": str(site.folder)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_a_healthy_installation_is_exit_0(run_cli):
    done = run_cli("doctor")
    assert (done.code, done.out.splitlines()[-1]) == (0, "all is well")
    assert "!!" not in done.out


def test_json_holds_every_finding(run_cli):
    answer = json.loads(run_cli("doctor", "--json").out)
    assert (answer["schema"], answer["healthy"]) == (1, True)
    names = {finding["name"] for finding in answer["findings"]}
    assert names >= {
        "ganstyle",
        "python",
        "torch",
        "torchvision",
        "threads",
        "device cpu",
        "disk",
        "plugin ganstyle:gans",
    }
    assert {finding["state"] for finding in answer["findings"]} <= {"ok", "missing"}


def test_a_broken_plugin_is_one_line_with_the_remedy_and_exit_6(site, run_cli):
    site.add("fake_ill", "raise SystemExit(0)")
    done = run_cli("doctor")
    assert done.code == 6
    lines = done.out.splitlines()
    position = lines.index("!!  plugin fake-ill:main: 1.0: SystemExit: 0")
    assert lines[position + 1].strip() == "pip uninstall fake-ill, or GANSTYLE_DISABLE_PLUGINS=fake-ill:main"
    assert lines[-1] == "1 problem(s): plugin fake-ill:main"


def test_a_disabled_plugin_is_named_but_harmless(site, run_cli, monkeypatch):
    site.add("fake_quiet", "raise SystemExit(0)")
    monkeypatch.setenv("GANSTYLE_DISABLE_PLUGINS", "fake-quiet")
    done = run_cli("doctor")
    assert done.code == 0
    assert "--  plugin fake-quiet:main: disabled by GANSTYLE_DISABLE_PLUGINS" in done.out


def test_checks_of_plugins_are_optional_things(site, run_cli):
    source = "from ganstyle.api import hookimpl, Loss\nganstyle_api = 1\n"
    source += "@hookimpl\ndef ganstyle_components(): return [Loss('checking', 'x', print)]\n"
    site.add("fake_checks", source + "@hookimpl\ndef ganstyle_checks(): return [('brush', False, 'buy a brush')]\n")
    done = run_cli("doctor")
    assert (done.code, "--  brush (fake-checks:main): not usable\n     buy a brush" in done.out) == (0, True)


def test_a_torchvision_that_does_not_match_is_one_line_with_the_pair_to_install(site):
    (site.folder / "torchvision.py").write_text(NMS)
    info = site.folder / "torchvision-0.99.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.99.0\nRequires-Dist: torch (==9.9.0)\n"
    )
    done = start(site, "doctor")
    assert done.returncode == 6 and "Traceback" not in done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("!!  torchvision: "))
    assert "torchvision 0.99.0 doesn't work with torch" in line and "torchvision::nms" in line
    assert 'pip install --force-reinstall "torch==9.9.0" "torchvision==0.99.0"' in done.stdout


def test_a_torch_that_cannot_be_imported_is_a_line_too(site):
    (site.folder / "torch.py").write_text("raise OSError('libcudart.so.99: cannot open shared object file')")
    done = start(site, "doctor", "--json")
    answer = json.loads(done.stdout)
    found = {finding["name"]: finding for finding in answer["findings"]}
    assert (done.returncode, answer["healthy"]) == (6, False)
    assert "libcudart.so.99" in found["torch"]["text"] and found["torch"]["state"] == "broken"
    assert found["torch"]["remedy"] == "pip install --force-reinstall torch"
    assert found["plugin ganstyle:gans"]["state"] == "ok"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_home_is_broken(tmp_path, monkeypatch):
    tmp_path.chmod(0o500)
    monkeypatch.setenv("GANSTYLE_HOME", str(tmp_path / "home"))
    assert by_name(examine())["user data folder"].state == "broken"


def test_a_home_that_is_a_file_is_broken_and_says_which_variable_helps(tmp_path, monkeypatch):
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("GANSTYLE_HOME", str(tmp_path / "home"))
    found = by_name(examine())["user data folder"]
    assert found.state == "broken" and str(tmp_path / "home") in found.text
    assert "GANSTYLE_HOME" in found.remedy


def test_looking_creates_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("GANSTYLE_HOME", str(tmp_path / "not" / "there"))
    assert home_folder() == tmp_path / "not" / "there"
    assert by_name(examine())["user data folder"].state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_an_old_python_is_broken(monkeypatch):
    monkeypatch.setattr(module, "OLDEST_PYTHON", (9, 0))
    found = by_name(examine())["python"]
    assert (found.state, found.remedy) == ("broken", "install Python 9.0+")


def test_a_look_that_fails_is_a_finding(monkeypatch):
    monkeypatch.setattr(module, "_threads", lambda: 1 / 0)
    broken = [finding for finding in examine() if finding.state == "broken"]
    assert [finding.text for finding in broken] == ["ZeroDivisionError: division by zero"]


def test_without_built_ins_the_installation_is_broken(run_cli, site, monkeypatch):
    monkeypatch.setattr("ganstyle.registry.BUILT_IN", "something-else")
    done = run_cli("doctor")
    assert done.code == 6
    assert (
        "!!  plugins: the built-in plugins are not registered\n     pip install --force-reinstall ganstyle" in done.out
    )


def test_cuda_is_explained_when_it_is_missing():
    assert "built without CUDA" in module._why_no_cuda(None)
    assert "built for CUDA 13.0, but no NVIDIA GPU" in module._why_no_cuda("13.0")


def test_free_space_is_measured_where_the_command_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "LOW_DISK_GB", 1e9)
    found = by_name(examine())
    assert (found["disk"].state, found["working folder"].text) == ("missing", str(Path.cwd()))
