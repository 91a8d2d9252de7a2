from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ganstyle.engine import run as runs
from ganstyle.engine.run import Run, list_runs, newest_run
from ganstyle.errors import EnvironmentProblem, ModelError, NoInputError

CONFIG = {"arch": {"name": "dcgan"}, "train": {"images": 10}}


class TestFolders:
    def test_runs_are_numbered_one_after_the_other(self, tmp_path):
        folders = [Run.create(tmp_path / "runs", CONFIG, name).folder.name for name in ("dcgan", "progan", "dcgan")]
        assert folders == ["0001-dcgan", "0002-progan", "0003-dcgan"]

    def test_the_number_follows_the_highest_not_the_count(self, tmp_path):
        (tmp_path / "0041-cats").mkdir()
        (tmp_path / "notes").mkdir()
        assert Run.create(tmp_path, CONFIG, "dogs").folder.name == "0042-dogs"

    @pytest.mark.parametrize(
        ("name", "folder"),
        [("Van Gogh!", "0001-van-gogh"), ("../../etc", "0001-etc"), ("", "0001-run"), ("x" * 300, "0001-" + "x" * 40)],
    )
    def test_any_name_gives_a_plain_folder(self, tmp_path, name, folder):
        assert Run.create(tmp_path, CONFIG, name).folder == tmp_path / folder

    def test_simultaneous_starts_get_different_numbers(self, tmp_path):
        names = [f"run{index}" for index in range(8)]
        threads = [threading.Thread(target=Run.create, args=(tmp_path, CONFIG, name)) for name in names]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert [run.number for run in list_runs(tmp_path)] == list(range(1, 9))

    def test_the_newest_run_is_the_highest_number_that_has_a_configuration(self, tmp_path):
        for name in ("first", "second", "third"):
            Run.create(tmp_path, CONFIG, name)
        os.utime(tmp_path / "0001-first")
        (tmp_path / "0003-third" / "config.json").unlink()
        assert newest_run(tmp_path).folder == tmp_path / "0002-second"

    def test_ten_thousand_runs_sort_by_number(self, tmp_path):
        for name in ("9999-a", "10000-a"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "config.json").write_text("{}")
        assert newest_run(tmp_path).number == 10_000

    @pytest.mark.parametrize("root", ["missing", "empty"])
    def test_without_runs_the_error_says_how_to_make_one(self, tmp_path, root):
        (tmp_path / "empty").mkdir()
        with pytest.raises(NoInputError, match="there is no run in") as caught:
            newest_run(tmp_path / root)
        assert "ganstyle train" in caught.value.hint

    def test_a_run_opens_by_its_folder_or_anything_in_it(self, run, save_at):
        checkpoint = save_at(run, 10)
        assert Run.open(run.folder) == Run.open(checkpoint) == Run.open(run.folder / "status.json") == run

    def test_a_folder_without_a_run_is_named(self, tmp_path):
        with pytest.raises(NoInputError, match="is not a run folder") as caught:
            Run.open(tmp_path / "nothing")
        assert caught.value.where == str(tmp_path / "nothing")

    @pytest.mark.parametrize("blocked", ["file", "denied"])
    def test_an_unwritable_place_is_an_environment_problem(self, tmp_path, monkeypatch, blocked):
        (tmp_path / "runs").write_text("a file in the way")
        if blocked == "denied":
            monkeypatch.setattr(Path, "mkdir", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "denied")))
        with pytest.raises(EnvironmentProblem, match="can't make a run folder") as caught:
            Run.create(tmp_path / "runs", CONFIG, "dcgan")
        assert caught.value.code == 6 and (tmp_path / "runs").read_text() == "a file in the way"


class TestFiles:
    def test_the_configuration_comes_back(self, tmp_path):
        run = Run.create(tmp_path, CONFIG, "dcgan")
        assert run.config == CONFIG
        run.write_config({"train": {"images": 20}})
        assert run.config == {"train": {"images": 20}}

    def test_a_damaged_configuration_is_a_model_error(self, run):
        (run.folder / "config.json").write_text("{")
        with pytest.raises(ModelError, match=r"config\.json can't be read"):
            _ = run.config

    def test_a_new_run_has_a_status_and_a_resume_command(self, run):
        assert (run.status["state"], run.status["code"], run.status["images"]) == ("created", None, 0)
        assert run.status["resume"] == f"ganstyle train --run {run.folder} --resume auto"

    def test_facts_stay_until_they_are_replaced(self, run):
        run.write_status("running", step=5, images=40, promise="exact")
        run.write_status("preempted", code=75, reason="SIGTERM", images=80)
        wanted = {"state": "preempted", "code": 75, "reason": "SIGTERM", "step": 5, "images": 80, "promise": "exact"}
        assert {key: run.status[key] for key in wanted} == wanted

    def test_a_new_state_forgets_the_old_reason(self, run):
        run.write_status("failed", code=6, reason="disk full")
        run.write_status("running")
        assert (run.status["code"], run.status["reason"]) == (None, "")

    def test_a_damaged_status_does_not_stop_the_next_one(self, run):
        (run.folder / "status.json").write_bytes(b"\xff{")
        run.write_status("running", step=1)
        assert (run.status["state"], run.status["step"]) == ("running", 1)

    def test_a_path_with_blanks_is_quoted_in_the_resume_command(self, tmp_path):
        run = Run.create(tmp_path / "my runs", CONFIG, "dcgan")
        assert f"--run '{run.folder}' --resume" in run.resume_command

    def test_a_status_that_cannot_be_written_is_an_environment_problem(self, run, monkeypatch):
        monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(EnvironmentProblem, match="No space left"):
            run.write_status("running")
        assert run.status["state"] == "created"
        assert not list(run.folder.glob(".tmp-*"))

    def test_a_last_word_is_kept_and_a_missing_one_becomes_crashed(self, run):
        run.write_status("running", step=3)
        run.mark_crashed("rank 0 was ended by SIGKILL", code=6)
        assert (run.status["state"], run.status["code"], run.status["step"]) == ("crashed", 6, 3)
        run.write_status("preempted", code=75, reason="SIGTERM")
        run.mark_crashed("rank 0 was ended by SIGKILL", code=6)
        assert (run.status["state"], run.status["reason"]) == ("preempted", "SIGTERM")


HOLD = """
    import sys, time
    from pathlib import Path
    from ganstyle.engine.run import Run
    with Run(Path(sys.argv[1])).lock():
        print("held", flush=True)
        time.sleep(60)
"""


def written(run):
    """Return what `status.json` says, not what is made of it."""
    return json.loads((run.folder / "status.json").read_text())


@pytest.fixture
def holder(run):
    """A process that holds the run until it is killed."""
    import textwrap

    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(run.folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


class TestLock:
    def test_a_second_process_is_told_who_holds_the_run(self, run, holder):
        with pytest.raises(EnvironmentProblem) as caught, run.lock():
            pass
        assert caught.value.code == 6
        since = json.loads((run.folder / "lock.json").read_text())["since"]
        expected = f"in use by process {holder.pid} on {socket.gethostname()} since {since}"
        assert expected in caught.value.message

    def test_a_killed_holder_is_taken_over_and_named(self, run, holder):
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with run.lock() as notes:
            assert notes == [f"process {holder.pid} died and left this run; taking over"]
            assert json.loads((run.folder / "lock.json").read_text())["pid"] == os.getpid()

    def test_a_run_whose_holder_was_killed_does_not_seem_to_be_running(self, run, holder):
        run.write_status("running", step=3)
        assert run.status["state"] == "running"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert (run.status["state"], run.status["step"]) == ("crashed", 3)
        assert run.status["reason"] == f"process {holder.pid} ended without a message"
        run.write_status("finished")
        assert run.status["state"] == "finished"

    @pytest.mark.parametrize("way", ["open", "list", "lock"])
    def test_whatever_opens_a_left_run_writes_its_end_into_the_file(self, run, holder, way):
        run.write_status("running", step=3)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        if way == "open":
            Run.open(run.folder)
        elif way == "list":
            list_runs(run.folder.parent)
        else:
            with run.lock():
                assert written(run)["state"] == "crashed"
        assert (written(run)["state"], written(run)["code"], written(run)["step"]) == ("crashed", 6, 3)
        assert written(run)["reason"] == f"process {holder.pid} ended without a message"
        with run.lock() as notes:
            assert notes == ([] if way == "lock" else [f"process {holder.pid} died and left this run; taking over"])

    def test_what_is_opened_while_it_runs_is_left_alone(self, run, holder):
        run.write_status("running", step=3)
        before = written(run)
        Run.open(run.folder)
        assert written(run) == before

    def test_a_reason_that_was_written_is_not_replaced(self, run, holder):
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        run.mark_crashed("rank 0 was ended by SIGKILL", code=6)
        assert Run.open(run.folder).status["reason"] == written(run)["reason"] == "rank 0 was ended by SIGKILL"

    def test_a_holder_in_another_container_is_judged_by_its_lock(self, run, holder):
        run.write_status("running", step=3)
        elsewhere = json.loads((run.folder / "lock.json").read_text()) | {"host": "box", "space": "pid:[1]", "pid": 1}
        (run.folder / "lock.json").write_text(json.dumps(elsewhere))
        assert Run.open(run.folder).status["state"] == written(run)["state"] == "running"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert Run.open(run.folder).status["state"] == written(run)["state"] == "crashed"

    def test_a_run_that_cannot_be_written_is_still_read_truly(self, run, holder, monkeypatch):
        run.write_status("running")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(30, "Read-only file system")))
        assert Run.open(run.folder).status["state"] == "crashed"
        assert written(run)["state"] == "running"

    def test_somebody_who_only_asks_locks_nobody_out(self, run):
        import fcntl

        with (run.folder / ".lock").open("w") as reader:
            fcntl.flock(reader, fcntl.LOCK_SH)
            threading.Timer(0.1, fcntl.flock, (reader.fileno(), fcntl.LOCK_UN)).start()
            with run.lock() as notes:
                assert notes == []

    def test_workers_that_outlive_a_killed_holder_are_waited_for(self, run, forked, monkeypatch):
        monkeypatch.setattr(runs, "_ORPHAN_SECONDS", 5.0)
        reader, writer = os.pipe()

        def die_and_leave_a_worker():
            with run.lock():
                if os.fork() == 0:
                    os.write(writer, b"x")
                    threading.Event().wait(0.5)
                    os._exit(0)
                os.read(reader, 1)
                os.kill(os.getpid(), signal.SIGKILL)

        assert forked(die_and_leave_a_worker) == -signal.SIGKILL
        with run.lock() as notes:
            assert len(notes) == 1

    def test_releasing_lets_the_next_one_in_without_notes(self, run):
        for _ in range(2):
            with run.lock() as notes:
                assert notes == []
        assert not (run.folder / "lock.json").exists()

    def test_the_same_process_cannot_hold_it_twice(self, run):
        with run.lock(), pytest.raises(EnvironmentProblem, match=f"process {os.getpid()} "), run.lock():
            pass

    def test_a_damaged_holder_file_does_not_lock_anybody_out(self, run):
        (run.folder / "lock.json").write_text('{"pid": "me"')
        with run.lock() as notes:
            assert notes == []


class TestSpace:
    @pytest.mark.parametrize(("free", "enough"), [(4_000_000, True), (3_999_999, False)])
    def test_one_checkpoint_more_than_kept_must_fit(self, run, monkeypatch, free, enough):
        monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": free}))
        if enough:
            run.require_space(1_000_000, keep=3)
            return
        with pytest.raises(EnvironmentProblem, match=r"needs 4\.0 MB, 4\.0 MB free"):
            run.require_space(1_000_000, keep=3)

    def test_the_hint_says_how_much_to_free(self, run, monkeypatch):
        monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 120_000_000}))
        with pytest.raises(EnvironmentProblem, match="for 4 checkpoints: needs 812 MB, 120 MB free") as caught:
            run.require_space(203_000_000, keep=3)
        assert caught.value.hint.startswith("free 692 MB, then: ganstyle train --run ")
