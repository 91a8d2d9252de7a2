"""Two ranks on one machine: they compute what one process computes, and end together whatever happens to one."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from several_ranks import forking, wait_until

from ganstyle.engine import checkpoint
from ganstyle.engine.run import Run, newest_run

pytestmark = pytest.mark.timeout(400)  # a loaded machine starts processes slowly

SLOW = pytest.mark.slow
SMALL = {
    "arch.base_channels": 4,
    "arch.z_dim": 8,
    "train.resolution": 16,
    "train.batch": 4,
    "train.images": 24,
    "train.save_every_images": 8,
    "train.preview_count": 4,
    "train.log_every_steps": 1,
    "train.threads": 1,
    "train.device": "cpu",
    "train.rank_timeout_seconds": 60,
    "optimizer.schedule": "constant",
    "optimizer.eps": 1e-4,  # Adam divides by it: below, rounding of tiny gradients would become weights
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twelve small noise pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    chance = random.Random(1)
    for index in range(12):
        Image.frombytes("RGB", (20, 18), chance.randbytes(20 * 18 * 3)).save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture
def start(tmp_path, pictures):
    """Start a function of this module, given the words of a training command, as ranks."""

    def started(function, *more, world=2, runs="runs", run=None, environment=None, **changes):
        sets = changes if run else {**SMALL, **changes}
        words = ["train", *(["--run", str(run)] if run else ["--data", str(pictures), "--runs", str(tmp_path / runs)])]
        words += [word for key, value in sets.items() if value is not None for word in ("--set", f"{key}={value}")]
        place = tmp_path / f"job-{time.monotonic_ns()}"
        return forking().start(function, place, words, *more, world=world, **(environment or {}))

    yield started
    forking().end_all()


@pytest.fixture
def run(tmp_path):
    """The test's newest run."""
    return lambda runs="runs": newest_run(tmp_path / runs)


def tensors_of(run):
    found = checkpoint.newest_valid(run)
    return found.model | found.train, found.state


def patched(change):
    """Let every step of this process be `change(advance, session, batch)`."""
    from ganstyle.engine import training

    original = training.advance
    training.advance = lambda session, batch: change(original, session, batch)


def command(words):
    from ganstyle.cli.app import main

    return main(words)


def without_chance(words):
    """Train with latents that follow from the pictures, so that nothing is drawn."""
    from ganstyle_gans.task import GanTask

    matrix = torch.randn(16 * 16 * 3, 8, generator=torch.Generator().manual_seed(3)) / 8
    GanTask.latents = lambda self, batch: batch["images"].flatten(1) @ matrix
    return command(words)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param({"arch.norm": "none", "regularizer.r1.gamma": 1.0}, marks=SLOW),
        pytest.param({"train.micro_batch": 2}, marks=SLOW),
    ],
)
def test_two_ranks_equal_one_process_on_the_joint_batch(start, run, changes):
    steps = {"train.images": 12, "train.save_every_images": 100, "task.augment": "[]", **changes}
    apart = {key: 2 * value if key == "train.micro_batch" else value for key, value in steps.items()}
    jobs = [start(without_chance, world=1, runs="one", **apart), start(without_chance, runs="two", **steps)]
    assert [job.wait() for job in jobs] == [[0], [0, 0]], jobs[1].text(0)
    (one, _), (two, state) = tensors_of(run("one")), tensors_of(run("two"))
    names = [name for name in one if not name.startswith("rng/")]
    assert len(names) > 40 and state["images"] == 12 and state["world_size"] == 2
    far = {name: float((one[name].double() - two[name].double()).abs().max()) for name in names}
    assert {name: gap for name, gap in far.items() if gap > 1e-6} == {}


def seen(words):
    """Return, for each step, the sum of each picture of this rank, and the weights at the end."""
    steps = []

    def noting(advance, session, batch):
        steps.append([round(value, 3) for value in batch["images"].double().sum((1, 2, 3)).tolist()])
        seen.session = session
        return advance(session, batch)

    patched(noting)
    assert command(words) == 0
    weights = [value.double().sum().item() for value in seen.session.tensors()[0].values()]
    return {"steps": steps, "weights": weights, "latent": torch.rand(3).tolist()}


def interleaved(ranks):
    """Return the joint batches of the ranks' strided shares."""
    return [[value for row in zip(*step) for value in row] for step in zip(*(rank["steps"] for rank in ranks))]


def test_the_order_of_pictures_is_that_of_one_process_and_ranks_differ_in_chance_only(start):
    together, alone = start(seen).results(), start(seen, world=1, runs="alone").results()
    assert interleaved(together) == alone[0]["steps"] and len(alone[0]["steps"]) == 6
    assert together[0]["weights"] == together[1]["weights"]
    assert together[0]["latent"] != together[1]["latent"]


def test_resuming_with_another_number_of_ranks_goes_on_in_the_same_order(start, run):
    whole = start(seen, world=1, runs="whole").results()[0]["steps"]
    first = start(seen, world=1, **{"train.images": 12}).results()[0]["steps"]
    second = start(seen, run=run().folder, **{"train.images": 24}).results()
    assert first + interleaved(second) == whole
    assert run().status["promise"] == "order-exact"
    assert run().status["promise_reasons"] == ["world size 1 -> 2"]


def test_resuming_with_as_many_ranks_is_exact(start, run):
    augmented = {"task.augment": "['translation']"}
    whole = start(command, runs="whole", **augmented)
    assert start(command, **augmented, **{"train.images": 12}).wait() == whole.wait() == [0, 0]
    assert start(command, run=run().folder, **{"train.images": 24}).wait() == [0, 0]
    assert (run().status["promise"], run().status["promise_reasons"]) == ("exact", [])
    (one, _), (two, _) = tensors_of(run("whole")), tensors_of(run())
    assert any(name.startswith("rng/rank1/") for name in one) and one.keys() == two.keys()
    assert [name for name in one if not torch.equal(one[name], two[name])] == []


def written(words):
    """Return what this rank did to the disk."""
    found = []

    def note(event, details):
        writes = event == "open" and details[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes or event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"):
            found.append(f"{event} {details[0]}")

    sys.addaudithook(note)
    assert command(words) == 0
    return [entry for entry in found if "/dev/null" not in entry and "/proc/" not in entry]


def test_rank_0_alone_writes(start):
    leader, follower = start(written, **{"train.preview_every_images": 8}).results()
    assert len(leader) > 20 and follower == []


def slow(words):
    def waiting(advance, session, batch):
        time.sleep(0.1)
        return advance(session, batch)

    patched(waiting)
    return command(words)


def begun(tmp_path, images=8):
    """Wait for a checkpoint, and return the run."""
    pattern = f"runs/*/checkpoints/ckpt-{images:09d}"
    return Run(wait_until(lambda: next(tmp_path.glob(pattern), None)).parents[1])


@pytest.mark.parametrize("rank", [pytest.param(0, marks=SLOW), 1])
def test_a_stop_signal_to_one_rank_stops_all_and_saves_once(start, tmp_path, rank):
    job = start(slow, **{"train.images": 4000})
    run = begun(tmp_path)
    job.send(signal.SIGTERM, rank=rank)
    assert job.wait() == [75, 75]
    images = run.status["images"]
    assert (run.status["state"], run.status["reason"]) == ("preempted", "SIGTERM")
    assert checkpoint.list_checkpoints(run)[-1].name == f"ckpt-{images:09d}"
    assert images < 4000 and "resume auto" in job.text(0)


@SLOW
def test_a_save_request_to_any_rank_saves(start, tmp_path):
    job = start(slow, **{"train.images": 4000, "train.save_every_images": 4000})
    wait_until(
        lambda: (
            any(newest_run(tmp_path / "runs").status.get("state") == "running" for _ in [0])
            if list(tmp_path.glob("runs/*/status.json"))
            else False
        )
    )
    job.send(signal.SIGUSR1, rank=1)
    wait_until(lambda: list(tmp_path.glob("runs/*/checkpoints/ckpt-*")))


@pytest.mark.parametrize("rank", [pytest.param(0, marks=SLOW), 1])
def test_a_killed_rank_ends_the_others_in_seconds_and_the_run_can_be_resumed(start, tmp_path, rank):
    job = start(slow, **{"train.images": 4000})
    run = begun(tmp_path)
    job.send(signal.SIGKILL, rank=rank)
    killed = time.monotonic()
    codes = job.wait()
    assert time.monotonic() - killed < 30
    assert codes[rank] == -signal.SIGKILL and codes[1 - rank] == 6
    assert f"rank {rank} ended" in job.text(1 - rank)
    assert checkpoint.newest_valid(run).images >= 8
    if rank == 1:
        assert (run.status["state"], run.status["code"], run.status["rank"]) == ("failed", 6, 1)


def failing(words):
    def raising(advance, session, batch):
        from ganstyle.errors import NoInputError
        from ganstyle.nn.ranks import rank

        if session.step == 3 and rank() == 1:
            raise NoInputError("no pictures left")
        return advance(session, batch)

    patched(raising)
    return command(words)


def test_an_error_of_one_rank_is_in_the_status_and_all_end_with_its_code(start, run):
    job = start(failing)
    assert job.wait() == [4, 4]
    status = run().status
    assert (status["state"], status["code"], status["rank"]) == ("failed", 4, 1)
    assert status["reason"] == "rank 1 failed: no pictures left"


def hanging(words):
    def stuck(advance, session, batch):
        from ganstyle.nn.ranks import rank

        if session.step == 2 and rank() == 1:
            time.sleep(600)
        return advance(session, batch)

    patched(stuck)
    return command(words)


def test_a_hanging_rank_is_named_after_the_timeout(start, run):
    began = time.monotonic()
    job = start(hanging, **{"train.rank_timeout_seconds": 3})
    assert job.code(0) == 6
    assert time.monotonic() - began < 60
    assert "rank 1 hangs: nothing came from it for 3 s" in run().status["reason"]
    assert "rank_timeout_seconds" in job.text(0)


def poisoned(words):
    """One rank's pictures are not finite in one step."""

    def poisoning(advance, session, batch):
        from ganstyle.nn.ranks import rank

        poisoned.session = session
        if session.step == 2 and rank() == 1:
            batch = type(batch)({"images": batch["images"] * float("nan")})
        return advance(session, batch)

    patched(poisoning)
    assert command(words) == 0
    guards = {name: optimizer.read_guard() for name, optimizer in poisoned.session.optimizers.items()}
    weights = [value.double().sum().item() for value in poisoned.session.tensors()[0].values()]
    return {"guards": guards, "weights": weights}


def test_a_non_finite_value_in_one_rank_is_skipped_by_all(start):
    job = start(poisoned, **{"arch.norm": "none"})
    one, two = job.results()
    assert one == two and one["guards"]["discriminator"] == [0, 1, 2]
    assert all(value == value for value in one["weights"])  # no NaN
    assert "step 2" in job.text(0)


@SLOW
def test_short_starts_are_made_by_all_ranks_together(start, run):
    job = start(scored_by_few, ["--restarts", "2"], **{"train.images": 80})
    assert job.wait() == [0, 0], job.text(0)
    assert run().status["state"] == "finished" and tensors_of(run())[1]["world_size"] == 2
    plan = run().status["restarts"]
    assert [len(begun["scores"]) for begun in plan["starts"]] == [1, 1] and plan["winner"] in (0, 1)


def scored_by_few(words, more):
    """Train as `command_with`, judging starts by eight pictures: 500 take a minute where many share a core."""
    from ganstyle.engine import restarts

    restarts.SCORED = 8
    return command_with(words, more)


def hurried(words, more):
    """Train for a time by a clock that only measured steps move, an eighth of a second each; return what was seen."""
    from ganstyle.engine import budget

    original, found = budget.advance, {"measured": 0}

    def counting(session, batch):
        found["measured"] += 1
        found["share"] = len(batch)
        return original(session, batch)

    budget.advance = counting
    budget.time = SimpleNamespace(perf_counter=lambda: found["measured"] / 8)
    assert command([*words, *more]) == 0
    return found


def test_a_time_is_measured_by_all_ranks_together(start, run):
    job = start(hurried, ["--time", "2s"], **{"train.images": None, "task.augment": "[]"})
    one, two = job.results()
    assert one == two == {"measured": 3, "share": 2}  # memory, warming, and one that counts
    # Two seconds less three eighths, of which 95 % are steps of four images.
    assert run().status["state"] == "finished" and run().status["images"] == int(1.625 * 0.95 * 32) // 4 * 4
    assert tensors_of(run())[1]["world_size"] == 2


def command_with(words, more):
    return command([*words, *more])


def other_data(words):
    if os.environ["RANK"] == "1":
        from ganstyle.engine import following

        following.fingerprint = lambda dataset: "other pictures"
    return command(words)


@SLOW
def test_ranks_with_other_data_are_refused_by_name(start):
    job = start(other_data)
    assert job.code(0) == 2 and job.code(1) in (2, 6)  # the other may see no more than that rank 0 is gone
    assert "rank 1 has other data than rank 0" in job.text(0)


def test_a_batch_that_cannot_be_shared_is_refused_with_one_that_can(start):
    job = start(command, **{"train.batch": 5})
    assert job.wait() == [2, 2]
    assert "--batch 4" in job.text(0)


def by_launcher(words, fault=""):
    """Start ranks as `--nproc` does, but forked from this process."""
    from ganstyle.engine import launching

    launching._interpreter = lambda wanted: _Forked(wanted, globals()[fault] if fault else command)
    return command([words[0], "--nproc", "2", *words[1:]])


class _Forked:
    """What `subprocess.Popen` would be."""

    def __init__(self, wanted, function):
        self.pid, self.code = os.fork(), None
        if self.pid == 0:
            self._become(wanted, function)

    def _become(self, wanted, function):
        code = 1
        try:
            os.setsid()
            os.environ.update(wanted.environment)
            if wanted.output is not None:
                output = os.open(wanted.output, os.O_WRONLY | os.O_CREAT)
                os.dup2(output, 1)
                os.dup2(output, 2)
            for number in range(3, 64):  # as an interpreter begins: with what it is given only
                if number not in wanted.keep:
                    try:
                        os.close(number)
                    except OSError:
                        continue
            code = function(list(wanted.arguments))
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def poll(self):
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def send_signal(self, number):
        os.kill(self.pid, number)


@SLOW
def test_nproc_trains_with_ranks_and_answers_once(start, run):
    job = start(by_launcher, world=1)
    assert job.wait() == [0], job.text(0)
    assert run().status["state"] == "finished" and tensors_of(run())[1]["world_size"] == 2
    assert job.text(0).count("next:") == 1


def test_nproc_shows_the_first_error_last_and_once_and_has_its_exit_code(start):
    job = start(by_launcher, "failing", world=1)
    assert job.wait() == [4]
    lines = job.text(0).strip().splitlines()
    assert job.text(0).count("no pictures left") == 1
    assert lines[-2:] == ["error: no pictures left", "where: rank 1"]


@SLOW
def test_a_killed_rank_0_is_in_the_status_that_the_launcher_writes(start, tmp_path):
    job = start(by_launcher, "slow", world=1, **{"train.images": 4000})
    run = begun(tmp_path)
    os.kill(json.loads((run.folder / "lock.json").read_text())["pid"], signal.SIGKILL)
    assert job.wait() == [6]
    written = json.loads((run.folder / "status.json").read_text())
    assert (written["state"], written["code"]) == ("crashed", 6) and written["images"] >= 0
    assert "rank 0 was ended by SIGKILL" in written["reason"] and "--resume auto" in written["resume"]


@SLOW
def test_when_the_launcher_is_killed_the_ranks_save_and_stop(start, tmp_path):
    job = start(by_launcher, "slow", world=1, **{"train.images": 4000})
    run = begun(tmp_path)
    job.send(signal.SIGKILL, rank=0)
    wait_until(lambda: run.status["state"] == "preempted")
    assert run.status["images"] < 4000


@SLOW
def test_a_stop_signal_to_the_launcher_reaches_the_ranks_once(start, tmp_path):
    job = start(by_launcher, "slow", world=1, **{"train.images": 4000})
    run = begun(tmp_path)
    job.send(signal.SIGINT, rank=0)
    assert job.wait() == [75]
    assert (run.status["state"], run.status["reason"]) == ("preempted", "SIGINT")
    assert job.text(0).count("stopped at") == 1


@SLOW
def test_json_errors_of_ranks_are_one_object(start):
    job = start(by_launcher, world=1, **{"train.batch": 5})
    assert job.wait() == [2]
    again = start(json_by_launcher, world=1, **{"train.batch": 5})
    assert again.wait() == [2]
    assert json.loads(again.text(0))["error"]["hint"] == "--batch 4"


def json_by_launcher(words):
    return by_launcher([*words, "--json"])
