from __future__ import annotations

import errno
import json
import os
import resource
import signal
from pathlib import Path

import pytest
import torch

from ganstyle.engine import checkpoint
from ganstyle.engine.checkpoint import FAULT_POINTS, MANIFEST, MODEL, PARTS, STATE, TRAIN
from ganstyle.errors import EnvironmentProblem, ModelError, UsageError


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def free_bytes(monkeypatch, count):
    usage = type("Usage", (), {"total": 10**12, "used": 0, "free": count})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)


class TestRoundTrip:
    def test_tensors_and_state_come_back_equal(self, run):
        model = {"g/w": torch.randn(3, 4), "g/half": torch.randn(5).half(), "g/flags": torch.tensor([True, False])}
        train = {"g/w/step": torch.tensor(7.0), "rng": torch.get_rng_state(), "empty": torch.zeros(0, 3)}
        state = {"images": 1200, "step": 30, "best": None, "names": ["é", "b"]}
        checkpoint.save(run, model, train, state)
        found = checkpoint.newest_valid(run)
        assert found.state == state and found.images == 1200 and found.notes == ()
        for saved, loaded in ((model, found.model), (train, found.train)):
            assert saved.keys() == loaded.keys()
            assert all(torch.equal(saved[k], loaded[k]) and saved[k].dtype == loaded[k].dtype for k in saved)

    def test_tied_tensors_are_stored_once_and_tied_again(self, run):
        weight = torch.randn(400, 100)
        path = checkpoint.save(run, {"a": weight, "b": weight, "c": weight.clone()}, {}, {"images": 1})
        found = checkpoint.load(path).model
        assert 2 * weight.nbytes < (path / MODEL).stat().st_size < 2.1 * weight.nbytes
        assert found["a"].data_ptr() == found["b"].data_ptr() != found["c"].data_ptr()
        assert torch.equal(found["b"], weight)

    @pytest.mark.parametrize("view", [lambda w: w.t(), lambda w: w[1:3], lambda w: w[:, ::2], lambda w: w.view(-1)])
    def test_views_of_one_storage_keep_their_own_values(self, run, view):
        weight = torch.randn(4, 6)
        path = checkpoint.save(run, {"whole": weight, "view": view(weight)}, {}, {"images": 1})
        found = checkpoint.load(path).model
        assert torch.equal(found["whole"], weight) and torch.equal(found["view"], view(weight))

    def test_the_folder_is_named_by_nine_digits_and_latest_points_at_it(self, run, save_at):
        assert save_at(run, 42).name == "ckpt-000000042"
        assert (run.checkpoints / "latest").read_text() == "ckpt-000000042\n"

    def test_counts_beyond_nine_digits_sort_by_number(self, run, save_at):
        save_at(run, 999_999_999)
        save_at(run, 1_000_000_000)
        assert checkpoint.newest_valid(run).images == 1_000_000_000

    def test_a_run_without_checkpoints_has_no_newest(self, run):
        assert checkpoint.newest_valid(run) is None


class TestRefusals:
    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_a_non_finite_tensor_is_named_and_nothing_is_written(self, run, names, value):
        train = {"w/exp_avg": torch.tensor([0.0, value])}
        with pytest.raises(checkpoint.NonFinite, match="w/exp_avg") as caught:
            checkpoint.save(run, {"w": torch.zeros(2)}, train, {"images": 1})
        assert caught.value.names == ["w/exp_avg"] and caught.value.code == 7
        assert names(run) == []

    @pytest.mark.parametrize("keep", [1, 0, -3])
    def test_keeping_fewer_than_two_is_refused(self, run, keep):
        with pytest.raises(UsageError, match=f"keep={keep}"):
            checkpoint.save(run, {}, {}, {"images": 1}, keep=keep)

    def test_a_state_that_is_no_json_leaves_the_old_checkpoint_newest(self, run, save_at):
        save_at(run, 10)
        with pytest.raises(ValueError):
            save_at(run, 20, loss=float("nan"))
        assert checkpoint.newest_valid(run).images == 10

    def test_a_name_that_is_no_checkpoint_is_refused(self, tmp_path):
        with pytest.raises(ModelError, match="ckpt-7 is not"):
            checkpoint.images_of(tmp_path / "ckpt-7")


class TestDamage:
    @pytest.mark.parametrize("name", [*PARTS, MANIFEST])
    @pytest.mark.parametrize("damage", [truncate, flip_a_bit, empty, Path.unlink])
    def test_any_damage_to_any_file_falls_back_to_the_previous(self, run, save_at, name, damage):
        save_at(run, 630_000)
        damage(save_at(run, 700_000) / name)
        found = checkpoint.newest_valid(run)
        assert found.images == 630_000 and found.model["generator/weight"][0, 0] == 630_000
        assert len(found.notes) == 1 and found.notes[0].startswith("ckpt-000700000 is damaged (")
        assert found.notes[0].endswith("); using ckpt-000630000, 70k images earlier")

    def test_the_note_says_how_much_of_a_file_is_left(self, run, save_at):
        save_at(run, 10)
        model = {"w": torch.zeros(1_000_000)}
        path = checkpoint.save(run, model, {}, {"images": 20})
        (path / MODEL).write_bytes((path / MODEL).read_bytes()[:1_000_000])
        [note] = checkpoint.newest_valid(run).notes
        assert note.startswith("ckpt-000000020 is damaged (model.safetensors has 1000000 of 4000")
        assert note.endswith(" bytes); using ckpt-000000010, 10 images earlier")

    def test_a_flipped_bit_is_told_by_its_hash(self, run, save_at):
        save_at(run, 10)
        flip_a_bit(save_at(run, 20) / TRAIN)
        assert "train.safetensors sha256 differs" in checkpoint.newest_valid(run).notes[0]

    def test_every_single_bit_of_the_manifest_counts(self, run, save_at):
        path = save_at(run, 10) / MANIFEST
        whole = path.read_bytes()
        for position in range(len(whole)):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 1 << position % 8]) + whole[position + 1 :])
            with pytest.raises(ModelError):
                checkpoint.verify(path.parent)

    def test_when_all_are_damaged_the_reasons_are_listed_and_nothing_starts_anew(self, run, save_at):
        truncate(save_at(run, 10) / MODEL)
        (save_at(run, 20) / MANIFEST).unlink()
        with pytest.raises(
            ModelError, match="ckpt-000000020: unfinished: no manifest; ckpt-000000010: model"
        ) as caught:
            checkpoint.newest_valid(run)
        assert caught.value.code == 5 and "--resume none" in caught.value.hint

    def test_a_newer_schema_is_not_guessed_at(self, run, save_at, monkeypatch):
        monkeypatch.setattr(checkpoint, "SCHEMA", 2)
        path = save_at(run, 10)
        monkeypatch.undo()
        with pytest.raises(ModelError, match="schema 2"):
            checkpoint.load(path)

    @pytest.mark.parametrize(
        "content", [b"[1]", b"{" * 100_000, b'{"files": {"../x": 1}}', b'{"files": 3}', b"\xff\xfe"]
    )
    def test_a_hostile_manifest_is_refused(self, run, save_at, content):
        path = save_at(run, 10)
        (path / MANIFEST).write_bytes(content)
        with pytest.raises(ModelError):
            checkpoint.verify(path)

    def test_aliases_of_a_forged_state_reach_no_further_than_its_tensors(self, run, save_at):
        path = save_at(run, 10)
        forge(path, STATE, json.dumps({"schema": 1, "images": 10, "aliases": {MODEL: {"a": "nowhere"}}}).encode())
        with pytest.raises(ModelError, match="nowhere"):
            checkpoint.load(path)

    def test_a_pickle_with_a_right_hash_is_not_loaded(self, run, save_at, tmp_path):
        path = save_at(run, 10)
        torch.save({"w": torch.zeros(2)}, tmp_path / "evil.pt")
        forge(path, MODEL, (tmp_path / "evil.pt").read_bytes())
        with pytest.raises(ModelError, match="safetensors"):
            checkpoint.load(path)


def forge(path, name, content):
    """Replace a part and make the manifest agree, as an attacker would."""
    (path / name).write_bytes(content)
    manifest = json.loads((path / MANIFEST).read_bytes())
    manifest["files"][name] = {"bytes": len(content), "sha256": checkpoint._sha256(path / name)}
    (path / MANIFEST).write_bytes(checkpoint.dump_json(manifest))


class TestKeeping:
    def test_the_newest_stay_and_the_rest_goes(self, run, save_at, names):
        for images in (10, 20, 30, 40):
            save_at(run, images, keep=2)
        assert names(run) == ["ckpt-000000030", "ckpt-000000040"]

    def test_the_best_stays_beside_the_newest(self, run, save_at, names):
        for images in (10, 20, 30, 40, 50):
            save_at(run, images, keep=2, best={"metric": "fid", "value": 7.0, "images": 20})
        assert names(run) == ["ckpt-000000020", "ckpt-000000040", "ckpt-000000050"]

    def test_damaged_ones_do_not_count_toward_keep(self, run, save_at, names):
        save_at(run, 10)
        truncate(save_at(run, 20) / MODEL)
        save_at(run, 30, keep=2)
        assert names(run) == ["ckpt-000000010", "ckpt-000000030"]

    def test_a_branch_that_was_left_does_not_outlive_the_next_save(self, run, save_at, names):
        for images in (10, 20, 30):
            save_at(run, images)
        save_at(run, 25)  # resumed or rolled back to 20
        assert names(run) == ["ckpt-000000010", "ckpt-000000020", "ckpt-000000025"]
        assert checkpoint.newest_valid(run).images == 25

    def test_saving_the_same_count_again_replaces_it(self, run, save_at, names):
        save_at(run, 10)
        save_at(run, 20, run_of="first")
        save_at(run, 20, run_of="second")
        assert names(run) == ["ckpt-000000010", "ckpt-000000020"]
        assert checkpoint.newest_valid(run).state["run_of"] == "second"


class TestKilledInSave:
    @pytest.mark.parametrize("point", FAULT_POINTS)
    @pytest.mark.parametrize("images", [40, 30])
    def test_kill_at_any_point_leaves_a_valid_newest_and_a_sweepable_folder(
        self, run, save_at, names, forked, monkeypatch, point, images
    ):
        for older in (10, 20, 30):
            save_at(run, older)
        with monkeypatch.context() as patch:
            patch.setenv("GANSTYLE_FAULT", point)
            assert forked(lambda: save_at(run, images, keep=2)) == -signal.SIGKILL
        checkpoint.sweep(run)
        found = checkpoint.newest_valid(run)
        assert found.images == (images if point in ("rename", "latest", "delete") else 30) and found.notes == ()
        assert not [name for name in names(run) if name.startswith(".")]
        save_at(run, 50, keep=2)
        assert names(run)[-1] == "ckpt-000000050" and len(names(run)) == 2

    def test_killed_between_moving_the_old_aside_and_publishing_brings_it_back(self, run, save_at):
        (save_at(run, 10)).rename(run.checkpoints / ".bad-ckpt-000000010")
        assert checkpoint.sweep(run) == ["brought back ckpt-000000010, moved aside by an interrupted save"]
        assert checkpoint.newest_valid(run).images == 10

    def test_sweeping_names_each_leftover_and_touches_nothing_else(self, run, save_at, names):
        save_at(run, 10)
        (run.checkpoints / ".tmp-ckpt-000000020-1").mkdir()
        (run.checkpoints / ".del-ckpt-000000005").mkdir()
        (run.checkpoints / ".tmp-latest-1").write_text("")
        notes = checkpoint.sweep(run)
        assert [note.split()[1] for note in notes] == [
            ".del-ckpt-000000005,",
            ".tmp-ckpt-000000020-1,",
            ".tmp-latest-1,",
        ]
        assert names(run) == ["ckpt-000000010"] and checkpoint.sweep(run) == []


def save_with_small_files(run):
    """Exit with the code of the error that a save meets when no file may exceed 100 kB."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        checkpoint.save(run, {"w": torch.zeros(100_000)}, {}, {"images": 20, "step": 2})
    except EnvironmentProblem as problem:
        os._exit(problem.code if problem.where.endswith("step 2; ckpt-000000010 is untouched") else 98)


class TestFullDisk:
    def test_a_file_that_cannot_grow_costs_only_the_new_checkpoint(self, run, save_at, names, forked):
        save_at(run, 10)
        assert forked(lambda: save_with_small_files(run)) == 6
        assert names(run) == ["ckpt-000000010"] and checkpoint.newest_valid(run).images == 10

    @pytest.mark.parametrize("point", ["mkdir", "model", "train", "state", "manifest"])
    @pytest.mark.parametrize("action", ["enospc", "eacces"])
    def test_an_error_at_any_write_leaves_the_old_one_and_no_leftover(
        self, run, save_at, names, monkeypatch, point, action
    ):
        save_at(run, 10)
        monkeypatch.setenv("GANSTYLE_FAULT", f"{point}:{action}")
        with pytest.raises(EnvironmentProblem) as caught:
            save_at(run, 20)
        assert caught.value.__cause__.errno == {"enospc": errno.ENOSPC, "eacces": errno.EACCES}[action]
        assert names(run) == ["ckpt-000000010"] and checkpoint.newest_valid(run).notes == ()

    def test_the_next_interval_saves_once_there_is_room_again(self, run, save_at, monkeypatch):
        monkeypatch.setenv("GANSTYLE_FAULT", "manifest:enospc")
        with pytest.raises(EnvironmentProblem):
            save_at(run, 10)
        save_at(run, 20)
        assert checkpoint.newest_valid(run).images == 20

    def test_only_what_is_surplus_anyway_is_deleted_to_make_room(self, run, save_at, names, monkeypatch):
        for images in (10, 20, 30):
            save_at(run, images, keep=3)
        monkeypatch.setenv("GANSTYLE_FAULT", "model:enospc")
        with pytest.raises(EnvironmentProblem):
            save_at(run, 40, keep=2)
        assert names(run) == ["ckpt-000000020", "ckpt-000000030"]

    def test_making_room_never_costs_the_last_valid_checkpoint(self, run, save_at, monkeypatch):
        for images in (10, 20, 30):
            save_at(run, images, keep=3)
        for images in (20, 30):  # sizes stay right
            flip_a_bit(run.checkpoints / f"ckpt-{images:09d}" / MODEL)
        monkeypatch.setenv("GANSTYLE_FAULT", "mkdir:enospc")
        with pytest.raises(EnvironmentProblem):
            save_at(run, 40, keep=2)
        assert checkpoint.newest_valid(run).images == 10

    def test_too_little_space_is_said_in_numbers_before_anything_is_written(self, run, names, monkeypatch):
        free_bytes(monkeypatch, 120_000_000)
        weights = {"w": torch.zeros(1).expand(203_000_000)}
        monkeypatch.setattr(checkpoint, "_is_finite", lambda tensor: True)
        with pytest.raises(EnvironmentProblem, match="needs 812 MB, 120 MB free") as caught:
            checkpoint.save(run, weights, {}, {"images": 10, "step": 1})
        assert names(run) == [] and run.resume_command in caught.value.hint

    def test_a_failed_hint_file_does_not_fail_the_save(self, run, save_at, monkeypatch):
        monkeypatch.setenv("GANSTYLE_FAULT", "latest:enospc")
        save_at(run, 10)
        assert checkpoint.newest_valid(run).images == 10


def test_each_file_is_on_disk_before_the_rename_and_the_rename_before_deleting(run, save_at, monkeypatch):
    save_at(run, 10), save_at(run, 20)
    order = []
    for module, name in (("os", "fsync"), ("pathlib.Path", "rename"), ("os", "replace")):
        watch(monkeypatch, f"{module}.{name}", order)
    monkeypatch.setattr(checkpoint, "fault", lambda point: order.append(point))
    save_at(run, 30, keep=2)
    spoken = [event for event in order if event != "replace"]
    assert spoken.index("rename()") == spoken.index("manifest") + 2  # the folder's fsync lies between
    assert spoken[spoken.index("rename") + 1] == "fsync()"
    assert spoken.index("delete") > spoken.index("latest") > spoken.index("rename()")
    for part in ("model", "train", "state", "manifest"):
        assert spoken[spoken.index(part) - 1] == "fsync()"


def watch(monkeypatch, dotted, order):
    from importlib import import_module

    module, _, name = dotted.rpartition(".")
    owner = import_module(module) if module == "os" else import_module("pathlib").Path
    original = getattr(owner, name)

    def recorded(*args, **kwargs):
        order.append(f"{name}()" if name != "replace" else name)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, recorded)
