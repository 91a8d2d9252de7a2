"""`ganstyle train`, killed, stopped and damaged in every way, ends where the uninterrupted run ends."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from ganstyle.engine.checkpoint import FAULT_POINTS, MODEL, TRAIN, list_checkpoints
from ganstyle.engine.run import list_runs, newest_run

# A loaded machine starts processes slowly; nothing here measures time.
pytestmark = pytest.mark.timeout(400)

IMAGES, EVERY, BATCH = 40, 8, 4
SMALL = {
    "arch.base_channels": 8,
    "train.resolution": 32,
    "train.batch": BATCH,
    "train.images": IMAGES,
    "train.save_every_images": EVERY,
    "train.preview_every_images": 24,
    "train.preview_count": 4,
    "train.log_every_steps": 1,
    "train.threads": 1,
    "train.device": "cpu",
    "optimizer.schedule": "constant",
}


class Zygote:
    """Starts commands within milliseconds."""

    def __init__(self):
        command = [sys.executable, str(Path(__file__).with_name("zygote.py"))]
        settings = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=settings, start_new_session=True
        )
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Command:
    """A running `ganstyle`."""

    def __init__(self, zygote, folder, arguments, *, program="", **environment):
        self.zygote, self.output = zygote, folder / f"output-{time.monotonic_ns()}.txt"
        self.pid = zygote.ask(
            folder=str(folder), arguments=arguments, environment=environment, output=str(self.output), program=program
        )

    def send(self, number):
        os.kill(self.pid, number)

    def wait(self):
        return self.zygote.ask(wait=self.pid)

    def finished(self):
        """Whether the process ended; it stays a zombie until `wait`."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"

    @property
    def text(self):
        return self.output.read_text()


@pytest.fixture(scope="module")
def zygote():
    started = Zygote()
    yield started
    started.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twelve small noise pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    chance = random.Random(1)
    for index in range(12):
        Image.frombytes("RGB", (40, 36), chance.randbytes(40 * 36 * 3)).save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture
def train(zygote, pictures, tmp_path):
    """Start `ganstyle train` in the test's folder; on the newest run if it has one."""

    def start(*, program="", fault="", new=False, runs="runs", extra=(), **changes):
        arguments = ["train", "--runs", runs, *extra]
        try:
            arguments += ["--run", str(newest_run(tmp_path / "runs").folder.relative_to(tmp_path))] if not new else []
        except Exception:
            new = True
        if new:
            arguments += ["--data", str(pictures)]
            changes = {**SMALL, **changes}
        arguments += [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
        return Command(
            zygote,
            tmp_path,
            arguments,
            program=program.format(arguments=arguments),
            **({"GANSTYLE_FAULT": fault} if fault else {}),
        )

    return start


@pytest.fixture(scope="module")
def uninterrupted(zygote, pictures, tmp_path_factory):
    """Hashes of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("reference")
    sets = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    command = Command(zygote, folder, ["train", "--data", str(pictures), *sets])
    assert command.wait() == 0, command.text
    return hashes(newest_run(folder / "runs"))


def hashes(run):
    """Return sha256 of the final weights, training state and exported model; all must exist."""
    last = list_checkpoints(run)[-1]
    assert last.name == f"ckpt-{IMAGES:09d}"
    files = [last / MODEL, last / TRAIN, run.folder / "model.safetensors"]
    assert all(path.stat().st_size > 10_000 for path in files)
    return {path.name + path.parent.name[:4]: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def run(tmp_path):
    """The test's own run, once it exists."""
    return lambda: newest_run(tmp_path / "runs")


def wait_for_checkpoints(tmp_path, count):
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "runs").glob("*/checkpoints/ckpt-*"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def wait_for_running(tmp_path):
    deadline = time.monotonic() + 60
    while not any(run.status.get("state") == "running" for run in list_runs(tmp_path / "runs")):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def finished_equal(train, run, reference):
    last = train()
    assert last.wait() == 0, last.text
    assert hashes(run()) == reference
    return last.text


def test_the_same_command_gives_the_same_bits(train, run, uninterrupted):
    assert train(new=True).wait() == 0
    assert hashes(run()) == uninterrupted


@pytest.mark.slow
def test_another_seed_gives_other_bits(train, run, uninterrupted):
    assert train(new=True, **{"train.seed": 1}).wait() == 0
    assert not set(hashes(run()).values()) & set(uninterrupted.values())


def test_killed_at_every_point_of_saving_it_still_equals_the_uninterrupted_run(train, run, uninterrupted):
    swept = []
    for number, point in enumerate(FAULT_POINTS):
        command = train(new=number == 0, fault=f"{point}:kill:1")
        assert command.wait() == -signal.SIGKILL, command.text
        swept.append("left by an interrupted save" in command.text)
    assert "left by an interrupted save" in finished_equal(train, run, uninterrupted)
    # The first five leave a temporary folder to the next start, a kill after the rename leaves none.
    assert swept == [False, True, True, True, True, True, False, False]
    assert not [path.name for path in run().checkpoints.glob(".*")]


@pytest.mark.parametrize("point", ["manifest", "latest"])
def test_killed_in_the_very_last_save_it_still_ends_complete(train, run, uninterrupted, point):
    last = IMAGES // EVERY
    assert train(new=True, fault=f"{point}:kill:{last}").wait() == -signal.SIGKILL
    finished_equal(train, run, uninterrupted)


OTHERS = {
    "progan": {"arch": "progan", "arch.base_channels": 8, "arch.max_channels": 8},
    "cosine, bfloat16, penalty, spectral": {
        "optimizer.schedule": "cosine",
        "train.precision": "bfloat16",
        "regularizer.r1.gamma": 1.0,
        "arch.norm": "spectral",
    },
    "accumulated": {"train.micro_batch": 3, "train.memory_format": "channels_last", "optimizer.clip_norm": 0.5},
}


@pytest.mark.parametrize(
    "name", [name if name == "progan" else pytest.param(name, marks=pytest.mark.slow) for name in OTHERS]
)
def test_other_networks_and_options_resume_exactly_too(train, run, tmp_path, name):
    changes = OTHERS[name]
    assert train(new=True, runs="whole", **changes).wait() == 0
    assert train(new=True, fault="latest:kill:3", **changes).wait() == -signal.SIGKILL
    finished_equal(train, run, hashes(newest_run(tmp_path / "whole")))


def interrupted_at_random(train, tmp_path, *, seed, kills, **changes):
    """Kill the run's whole process group after random times; returns how many kills hit."""
    chance = random.Random(seed)
    # Slowed down, so that on a fast machine the first kill still comes before the end.
    command, hits = train(new=True, program=SLOW, **changes), 0
    wait_for_checkpoints(tmp_path, 1)
    for _ in range(kills):
        time.sleep(chance.uniform(0, 0.6))
        if command.finished():
            break
        os.killpg(command.pid, signal.SIGKILL)
        hits += command.wait() == -signal.SIGKILL
        command = train(program=SLOW)
    assert command.wait() == 0, command.text
    return hits


@pytest.mark.parametrize("workers", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_killed_at_random_times_it_ends_where_the_uninterrupted_run_ends(train, run, uninterrupted, tmp_path, workers):
    assert interrupted_at_random(train, tmp_path, seed=workers, kills=3, **{"train.workers": workers}) >= 1
    assert hashes(run()) == uninterrupted


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_soak_of_random_kills(train, run, uninterrupted, tmp_path, seed):
    interrupted_at_random(train, tmp_path, seed=seed, kills=12, **{"train.workers": seed % 3})
    assert hashes(run()) == uninterrupted


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_stop_signal_saves_exits_75_and_resumes_exactly(train, run, uninterrupted, tmp_path, name):
    command = train(new=True)
    wait_for_checkpoints(tmp_path, 1)
    command.send(getattr(signal, name))
    assert command.wait() == 75
    status = run().status
    assert (status["state"], status["code"], status["reason"]) == ("preempted", 75, name)
    assert list_checkpoints(run())[-1].name == f"ckpt-{status['images']:09d}"
    assert status["resume"] in command.text and "Traceback" not in command.text
    assert "exact" in finished_equal(train, run, uninterrupted)


TWO_INTERRUPTS = """
import os, signal
from ganstyle.engine import keeping
def interrupt(*_):
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
keeping.Keeper.preview = interrupt
from ganstyle.cli.app import main
os._exit(main({arguments}))
"""


def test_the_second_interrupt_exits_130_at_once_and_the_run_stays_resumable(train, run, uninterrupted):
    command = train(new=True, program=TWO_INTERRUPTS)
    assert command.wait() == 130
    assert "Traceback" not in command.text
    finished_equal(train, run, uninterrupted)


SLOW = """
import os, time
from ganstyle.engine import training
def step(self, batch, original=training.Training.step):
    time.sleep(0.15)
    return original(self, batch)
training.Training.step = step
from ganstyle.cli.app import main
os._exit(main({arguments}))
"""


def test_a_requested_save_changes_no_bit(train, run, uninterrupted, tmp_path):
    command = train(new=True, program=SLOW, **{"train.save_every_images": 1000})
    wait_for_running(tmp_path)
    for count in (1, 2, 3):
        command.send(signal.SIGUSR1)
        wait_for_checkpoints(tmp_path, count)
    assert command.wait() == 0
    assert hashes(run()) == uninterrupted


def test_intervals_of_saving_previewing_and_logging_change_no_bit(train, run, uninterrupted):
    changes = {"train.save_every_images": 1000, "train.preview_every_images": 4, "train.log_every_steps": 5}
    assert train(new=True, **changes).wait() == 0
    assert hashes(run()) == uninterrupted


def damage(path, how):
    data = bytearray((path / MODEL).read_bytes())
    data[len(data) // 2] ^= how == "flip"
    (path / MODEL).write_bytes(bytes(data[: None if how == "flip" else len(data) // 2]))


@pytest.mark.parametrize(("how", "reason"), [("truncate", "has"), ("flip", "sha256 differs")])
def test_a_damaged_newest_checkpoint_costs_one_interval(train, run, uninterrupted, how, reason):
    train(new=True, fault="latest:kill:4").wait()
    newest, previous = list_checkpoints(run())[:-3:-1]
    damage(newest, how)
    text = finished_equal(train, run, uninterrupted)
    assert f"{newest.name} is damaged (model.safetensors {reason}" in text
    assert f"using {previous.name}, {EVERY} images earlier" in text


def test_when_every_checkpoint_is_damaged_it_exits_5_and_says_how_to_start_anew(train, run, uninterrupted):
    train(new=True, fault="latest:kill:3").wait()
    for path in list_checkpoints(run()):
        damage(path, "flip")
    command = train()
    assert command.wait() == 5
    assert command.text.count("sha256 differs") == 3 and "--resume none" in command.text
    anew = train(extra=["--resume", "none"])
    assert anew.wait() == 0, anew.text
    assert hashes(run()) == uninterrupted


def test_keeping_a_single_checkpoint_is_refused_before_training(train, tmp_path):
    command = train(new=True, **{"train.keep": 1})
    assert command.wait() == 2
    assert "train.keep" in command.text and not list((tmp_path / "runs").glob("*/checkpoints/*"))


def test_a_disk_that_is_full_once_costs_one_checkpoint(train, run, uninterrupted):
    command = train(new=True, fault="model:enospc:2")
    assert command.wait() == 0, command.text
    assert command.text.count("No space left on device") == 1
    assert hashes(run()) == uninterrupted


def test_a_disk_that_stays_full_ends_the_run_with_6_and_keeps_what_was_saved(train, run, uninterrupted):
    command = train(new=True, fault="model:enospc:2+")
    assert command.wait() == 6
    assert [path.name for path in run().checkpoints.iterdir() if path.is_dir()] == [f"ckpt-{EVERY:09d}"]
    assert (run().status["state"], run().status["code"]) == ("failed", 6)
    finished_equal(train, run, uninterrupted)


def test_a_disk_that_is_full_at_the_last_save_is_no_success(train, run, uninterrupted):
    command = train(new=True, fault=f"model:enospc:{IMAGES // EVERY}+")
    assert command.wait() == 6
    finished_equal(train, run, uninterrupted)


SMALL_DISK = """
import shutil
from ganstyle.cli.app import main
shutil.disk_usage = lambda path: type("Usage", (), {{"free": 1_000_000, "total": 10**9, "used": 0}})
import os; os._exit(main({arguments}))
"""


def test_a_disk_too_small_for_the_run_is_told_before_the_first_step(train, run):
    command = train(new=True, program=SMALL_DISK)
    assert command.wait() == 6
    assert "not enough disk for 4 checkpoints" in command.text and run().status["images"] == 0


def test_a_folder_that_cannot_be_written_exits_6(train, tmp_path):
    (tmp_path / "runs").write_text("in the way")
    command = train(new=True)
    assert command.wait() == 6
    assert "can't make a run folder" in command.text


def test_a_second_process_on_the_same_run_exits_6_naming_the_first(train, run, uninterrupted, tmp_path):
    first = train(new=True, program=SLOW)
    wait_for_checkpoints(tmp_path, 1)
    second = train(**{"train.images": 1000})
    assert second.wait() == 6
    assert f"in use by process {first.pid} on {os.uname().nodename}" in second.text
    first.send(signal.SIGTERM)
    assert first.wait() == 75
    finished_equal(train, run, uninterrupted)


def test_a_closed_terminal_does_not_end_the_run(train, run, uninterrupted, tmp_path):
    command = train(new=True, program=CLOSED)
    assert command.wait() == 0
    assert hashes(run()) == uninterrupted


CLOSED = """
import os, signal
from ganstyle.engine import training
def step(self, batch, original=training.Training.step):
    if self.session.step == 3:
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1), os.dup2(writer, 2)
        os.kill(os.getpid(), signal.SIGHUP)
        self.reporter.say("nobody reads this")
    return original(self, batch)
training.Training.step = step
from ganstyle.cli.app import main
main({arguments})
os._exit(0)
"""


def test_a_changed_option_is_refused_by_name_unless_overridden(train, run):
    train(new=True, fault="latest:kill:2").wait()
    refused = train(**{"optimizer.lr": 1e-3})
    assert refused.wait() == 2
    assert "optimizer.lr" in refused.text and "--override" in refused.text
    allowed = train(extra=["--override"], **{"optimizer.lr": 1e-3})
    assert allowed.wait() == 0
    assert run().status["promise"] == "approximate" and "-> 0.001" in allowed.text


def test_changed_data_is_refused_unless_overridden(train, run, pictures):
    train(new=True, fault="latest:kill:2").wait()
    added = pictures / "new.png"
    added.write_bytes((pictures / "00.png").read_bytes())
    try:
        refused, allowed = train(), None
        assert refused.wait() == 2
        assert "data" in refused.text and "--override" in refused.text
        allowed = train(extra=["--override"])
        assert allowed.wait() == 0
        assert run().status["promise"] == "approximate" and "the data changed" in allowed.text
    finally:
        added.unlink()


def test_more_images_than_planned_continue_exactly(train, run, uninterrupted):
    assert train(new=True, **{"train.images": 24}).wait() == 0
    longer = train(**{"train.images": IMAGES})
    assert longer.wait() == 0, longer.text
    assert hashes(run())[f"{MODEL}ckpt"] == uninterrupted[f"{MODEL}ckpt"]
    assert run().config["train"]["images"] == IMAGES and run().status["promise"] == "exact"


def test_a_finished_run_says_so_and_changes_nothing(train, run, uninterrupted):
    assert train(new=True).wait() == 0
    again = train()
    assert again.wait() == 0
    assert f"already at {IMAGES} images" in again.text
    assert hashes(run()) == uninterrupted
