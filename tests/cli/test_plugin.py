"""`plugin new` writes a project that works at once and overwrites nothing; `plugin list` hides nothing."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tomllib

import pytest

from ganstyle.registry import load_registry


def test_a_list_holds_working_failed_and_disabled_plugins(site, run_cli, monkeypatch):
    site.add_good("fake_fine", loss="fine")
    site.add("fake_failed", "1 / 0")
    site.add("fake_parked", "1 / 0")
    monkeypatch.setenv("GANSTYLE_DISABLE_PLUGINS", "fake-parked")
    answer = json.loads(run_cli("plugin", "list", "--json").out)
    rows = {row["plugin"]: row for row in answer["plugins"]}
    states = [rows[f"fake-{name}:main"]["state"] for name in ("fine", "failed", "parked")]
    assert states == ["ok", "failed", "disabled"]
    assert rows["fake-fine:main"]["components"] == ["loss.fine"]
    assert rows["fake-failed:main"]["error"] == "ZeroDivisionError: division by zero"
    assert rows["ganstyle:gans"]["built_in"] is True


def test_the_table_shows_the_error_in_place_of_the_components(site, run_cli):
    site.add("fake_failed_row", "1 / 0")
    row = next(line for line in run_cli("plugin", "list").out.splitlines() if line.startswith("fake-failed-row:main"))
    assert row.split(maxsplit=3)[1:] == ["1.0", "failed", "ZeroDivisionError: division by zero"]


@pytest.fixture
def project(run_cli, tmp_path):
    done = run_cli("plugin", "new", "oil_paint", "--dir", tmp_path / "new", "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    folder = tmp_path / "new" / "ganstyle-oil-paint"
    assert answer["folder"] == str(folder)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == set(answer["files"])
    return folder


def test_a_new_project_bears_its_own_name_everywhere(project):
    texts = {path: path.read_text() for path in project.rglob("*") if path.is_file()}
    assert not [
        path for path, text in texts.items() if "example" in text or "example" in str(path.relative_to(project))
    ]
    described = tomllib.loads((project / "pyproject.toml").read_text())
    assert described["project"]["name"] == "ganstyle-oil-paint"
    assert described["project"]["entry-points"]["ganstyle"] == {"oil_paint": "ganstyle_oil_paint"}
    assert (project / "src" / "ganstyle_oil_paint" / "__init__.py").is_file()


def test_the_tests_of_a_new_project_pass_at_once(project):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(project)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project.parent, env=os.environ)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout and "failed" not in done.stdout and "skipped" not in done.stdout


def test_a_new_project_is_found_once_it_is_installed(project, site):
    """Installed as an editable install would: its metadata, and its source on the path."""
    described = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    (name, target), *_ = described["entry-points"]["ganstyle"].items()
    source = project / "src" / target
    (site.folder / target).symlink_to(source)
    site.modules += [target, f"{target}.losses"]
    site.register(described["name"], f"{name} = {target}")
    registry = load_registry()
    assert registry.origin("arch", "oil_paint").key == "ganstyle-oil-paint:oil_paint"
    assert registry.build("loss", "oil_paint", {"margin": 2}).margin == 2.0


def test_nothing_is_overwritten(project, run_cli):
    before = (project / "README.md").read_bytes()
    (project / "pyproject.toml").write_text("mine")
    done = run_cli("plugin", "new", "oil_paint", "--dir", project.parent)
    assert done.code == 2 and "exists" in done.err and "nothing was overwritten" in done.err
    assert (project / "pyproject.toml").read_text() == "mine"
    assert (project / "README.md").read_bytes() == before


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_whatever_has_the_name_already_is_kept(run_cli, tmp_path, kind):
    place = tmp_path / "ganstyle-brush"
    place.write_text("mine") if kind == "file" else place.symlink_to(tmp_path / "nowhere")
    assert run_cli("plugin", "new", "brush", "--dir", tmp_path).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["ganstyle-brush"]


def test_a_failed_write_leaves_nothing_behind(run_cli, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    done = run_cli("plugin", "new", "brush", "--dir", tmp_path)
    assert done.code == 6 and "space" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Oil-Paint", "ganstyle plugin new oil_paint"),
        ("../evil", "ganstyle plugin new evil"),
        ("1st", "ganstyle plugin new st"),
        ("a__b", "ganstyle plugin new a_b"),
        ("class", "e.g. brush"),
        ("a" * 31, f"ganstyle plugin new {'a' * 30}"),
        ("_", "e.g. brush"),
        ("naïve", "ganstyle plugin new na_ve"),
    ],
)
def test_a_bad_name_is_refused_with_a_good_one(run_cli, tmp_path, name, hint):
    done = run_cli("plugin", "new", name, "--dir", tmp_path, "--json")
    error = json.loads(done.out)["error"]
    assert (done.code, error["hint"]) == (2, hint)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["dcgan", "bce", "ssim", "gans", "styles"])
def test_a_name_that_would_clash_is_refused(run_cli, tmp_path, name):
    done = run_cli("plugin", "new", name, "--dir", tmp_path)
    assert done.code == 2 and f"the name '{name}' is taken by" in done.err and f"my_{name}" in done.err
    assert list(tmp_path.iterdir()) == []


def test_the_template_is_the_example_plugin(repository):
    """One place for each fact; `python docs/write_plugin_template.py` renews the copy in the package."""
    path = repository / "docs" / "write_plugin_template.py"
    spec = importlib.util.spec_from_file_location("write_plugin_template", path)
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    assert writer.TEMPLATE.read_text() == writer.template()
