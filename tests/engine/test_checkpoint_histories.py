"""Any history of saves, crashes, full disks, damage and resumes: the newest intact checkpoint is what comes back."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ganstyle.engine import checkpoint, faults
from ganstyle.engine.checkpoint import FAULT_POINTS, MANIFEST, PARTS, images_of, list_checkpoints
from ganstyle.engine.run import Run
from ganstyle.errors import EnvironmentProblem, ModelError

KEEP = 2
PUBLISHED = ("rename", "latest", "delete")  # a crash at these comes after the rename


class History(RuleBasedStateMachine):
    """A run whose process may die anywhere; `saved` remembers what each durable checkpoint holds."""

    @initialize()
    def start(self):
        self.place = tempfile.TemporaryDirectory()
        self.run = Run.create(Path(self.place.name), {}, "history")
        self.position, self.serial = 0, 0
        self.saved: dict[int, float] = {}
        self.damaged: set[int] = set()

    def teardown(self):
        os.environ.pop(faults.VARIABLE, None)
        if hasattr(self, "place"):
            self.place.cleanup()

    def attempt(self, fault):
        """Save at the position under a fault; `raise` leaves the disk as a kill would, without a new process."""
        os.environ[faults.VARIABLE] = fault
        faults.forget()
        self.serial += 1
        tensors = {"w": torch.full((4,), float(self.serial))}
        try:
            checkpoint.save(self.run, tensors, tensors, {"images": self.position, "step": self.serial}, keep=KEEP)
        except (RuntimeError, EnvironmentProblem):
            return False
        finally:
            del os.environ[faults.VARIABLE]
        return True

    def remember(self):
        self.saved[self.position] = float(self.serial)
        self.damaged.discard(self.position)

    def present(self):
        return [images_of(path) for path in list_checkpoints(self.run)]

    def expected(self):
        return max((images for images in self.present() if images not in self.damaged), default=None)

    @rule(steps=st.integers(1, 3))
    def save(self, steps):
        self.position += steps
        assert self.attempt("nowhere")
        self.remember()
        assert max(self.present()) == self.position

    @rule(steps=st.integers(1, 3), point=st.sampled_from(FAULT_POINTS))
    def crash_while_saving(self, steps, point):
        self.position += steps
        done = self.attempt(f"{point}:raise")
        if done or point in PUBLISHED:
            self.remember()
        self.resume()

    @rule(steps=st.integers(1, 3), point=st.sampled_from(FAULT_POINTS[:5]), kind=st.sampled_from(["enospc", "eacces"]))
    def meet_a_full_disk(self, steps, point, kind):
        self.position += steps
        before = self.expected()
        assert not self.attempt(f"{point}:{kind}")
        assert self.expected() == before
        assert not list(self.run.checkpoints.glob(".tmp-*"))

    @precondition(lambda self: set(self.present()) - self.damaged)  # the same flip again would mend it
    @rule(data=st.data(), name=st.sampled_from([*PARTS, MANIFEST]), how=st.sampled_from(["flip", "cut", "remove"]))
    def damage(self, data, name, how):
        images = data.draw(st.sampled_from(sorted(set(self.present()) - self.damaged)))
        path = self.run.checkpoints / f"ckpt-{images:09d}" / name
        content = path.read_bytes() if path.exists() else b""
        place = data.draw(st.integers(0, max(len(content) - 1, 0)))
        self.damaged.add(images)
        if how == "remove" or not content:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(
                content[:place] + (bytes([content[place] ^ 1]) + content[place + 1 :] if how == "flip" else b"")
            )

    @rule()
    def resume(self):
        checkpoint.sweep(self.run)
        assert not list(self.run.checkpoints.glob(".*"))
        if self.present() and self.expected() is None:
            with pytest.raises(ModelError, match="every checkpoint is damaged"):
                checkpoint.newest_valid(self.run)
            self.position = 0  # --resume none
        else:
            self.position = self.expected() or 0

    @invariant()
    def the_newest_intact_one_comes_back_with_its_own_values(self):
        if not hasattr(self, "run") or self.expected() is None:
            return
        found = checkpoint.newest_valid(self.run)
        assert found.images == self.expected()
        assert found.model["w"].tolist() == found.train["w"].tolist() == [self.saved[found.images]] * 4
        assert len(found.notes) == len([images for images in self.present() if images > found.images])

    @invariant()
    def a_second_one_is_there_as_soon_as_two_were_saved(self):
        if hasattr(self, "run") and len(self.saved) >= KEEP and not self.damaged:
            assert len(self.present()) >= KEEP


TestHistories = History.TestCase
TestHistories.settings = settings(
    max_examples=40,
    stateful_step_count=15,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
