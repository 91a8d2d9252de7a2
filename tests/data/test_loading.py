"""Order and chance depend on (seed, image counter) alone: not on workers, ranks, resumes or the process."""

from __future__ import annotations

import itertools

import pytest
import torch

from ganstyle.data.loading import Loader, allowed_bad, permutation, stable_seed
from ganstyle.data.pictures import FolderPictures
from ganstyle.data.transforms import Preprocess
from ganstyle.errors import InputError, NoInputError, UsageError


class Numbers:
    """Item n is a 2x2 picture of the gray level n % 256, and its own label."""

    def __init__(self, count, bad=()):
        self.count, self.bad = count, set(bad)
        self.files = [f"{number}.png" for number in range(count)]

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index in self.bad:
            raise InputError(f"{index}.png is broken")
        return {"images": torch.full((3, 2, 2), index % 256, dtype=torch.uint8), "labels": index}


class Noisy(Numbers):
    """Draws its own chance."""

    def sample(self, index, generator):
        return {"images": torch.randint(0, 256, (3, 2, 2), generator=generator, dtype=torch.uint8), "labels": index}


def take(loader, batches):
    return list(itertools.islice(loader, batches))


def labels(loader, batches):
    return torch.cat([batch["labels"] for batch in take(loader, batches)]).tolist()


def joined(batches, key="images"):
    return torch.cat([batch[key] for batch in batches])


@pytest.fixture
def pictures(style_folder):
    return FolderPictures(style_folder)


@pytest.fixture
def augment():
    return Preprocess({"crop": "random", "scale": (0.5, 1.0), "rotate_degrees": 15.0, "flip": True}, 8)


def test_each_epoch_shows_every_picture_once_in_another_order():
    order = labels(Loader(Numbers(10), batch=5, seed=0), 4)
    assert sorted(order[:10]) == sorted(order[10:]) == list(range(10))
    assert order[:10] != order[10:]


def test_a_batch_may_be_larger_than_the_data_set():
    batch = next(Loader(Numbers(3), batch=8, seed=0))
    assert len(batch) == 8
    counts = torch.bincount(batch["labels"], minlength=3)
    assert counts.sum() == 8 and counts.min() >= 2


def test_pictures_become_float_between_minus_one_and_one():
    batch = next(Loader(Numbers(256), batch=256, seed=0))
    expected = batch["labels"].float() / 127.5 - 1
    assert batch["images"].dtype == torch.float32 and batch["labels"].dtype == torch.int64
    assert torch.allclose(batch["images"][:, 1, 0, 1], expected, atol=1e-6)
    assert batch["images"].min() == -1 and batch["images"].max() == 1


def test_resume_at_any_counter_equals_the_uninterrupted_run(pictures, augment):
    whole = joined(take(Loader(pictures, augment, batch=5, seed=3), 6))
    for batches in (1, 2, 5):
        resumed = Loader(pictures, augment, batch=5, seed=3, counter=5 * batches)
        assert torch.equal(joined(take(resumed, 6 - batches)), whole[5 * batches :])


def test_resume_may_change_the_batch(pictures, augment):
    whole = joined(take(Loader(pictures, augment, batch=12, seed=3), 2))
    resumed = Loader(pictures, augment, batch=4, seed=3, counter=4)
    assert torch.equal(joined(take(resumed, 5)), whole[4:])


@pytest.mark.parametrize("workers", [1, 2])
def test_worker_processes_change_nothing(pictures, augment, workers):
    alone = take(Loader(pictures, augment, batch=6, seed=1), 4)
    loader = Loader(pictures, augment, batch=6, seed=1, workers=workers)
    shared = take(loader, 4)
    loader.close()
    assert torch.equal(joined(alone), joined(shared)) and loader.counter == 24
    assert torch.equal(joined(alone, "labels"), joined(shared, "labels"))


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_together_hold_the_batch_of_one_process(pictures, augment, world):
    whole = joined(take(Loader(pictures, augment, batch=8, seed=1), 3))
    ranks = [take(Loader(pictures, augment, batch=8, seed=1, rank=rank, world=world), 3) for rank in range(world)]
    strided = [torch.stack([part["images"] for part in step], dim=1).flatten(0, 1) for step in zip(*ranks)]
    assert torch.equal(torch.cat(strided), whole)


def test_groups_of_strided_pictures_are_those_of_one_process():
    """Minibatch statistics see b, b + n/g, b + 2n/g, ... of a batch of n: the same pictures on one rank."""
    whole = next(Loader(Numbers(16), batch=16, seed=1))["labels"].view(4, 4)  # (group member, group)
    shares = [next(Loader(Numbers(16), batch=16, seed=1, rank=rank, world=2))["labels"].view(4, 2) for rank in (0, 1)]
    groups = {tuple(group) for share in shares for group in share.T.tolist()}
    assert groups == {tuple(group) for group in whole.T.tolist()}


def test_a_batch_that_the_ranks_cannot_share_names_one_that_they_can():
    with pytest.raises(UsageError, match="3 ranks") as caught:
        Loader(Numbers(16), batch=16, seed=0, rank=0, world=3)
    assert caught.value.hint == "--batch 15"


def test_a_data_set_that_draws_gets_the_generator_of_the_picture():
    first = joined(take(Loader(Noisy(4), batch=2, seed=0), 4))
    assert torch.equal(first[4:], joined(take(Loader(Noisy(4), batch=2, seed=0, counter=4), 2)))
    assert not torch.equal(first[:4].sort(0)[0], first[4:].sort(0)[0])  # another epoch, other draws


@pytest.mark.parametrize("workers", [0, 1])
def test_the_global_random_state_is_left_alone(workers):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    loader = Loader(Numbers(4), batch=2, seed=0, workers=workers)
    take(loader, 3)
    loader.close()
    assert torch.equal(torch.get_rng_state(), before)


def test_remembered_pictures_are_decoded_once():
    decoded = []

    class Counted(Numbers):
        def __getitem__(self, index):
            decoded.append(index)
            return super().__getitem__(index)

    take(Loader(Counted(6), batch=6, seed=0), 5)
    assert sorted(decoded) == list(range(6))
    decoded.clear()
    take(Loader(Counted(6), batch=6, seed=0, remember_bytes=3 * 12), 5)  # room for three pictures of 12 bytes
    assert len(decoded) == 3 + 5 * 3


def test_bad_files_are_skipped_named_and_replaced_alike_after_resume():
    data = Numbers(300, bad=[3, 77, 240])
    loader = Loader(data, batch=100, seed=0)
    order = labels(loader, 6)
    assert not {3, 77, 240} & set(order)
    assert loader.bad_files == [f"{n}.png: {n}.png is broken" for n in (3, 77, 240)]
    assert labels(Loader(data, batch=100, seed=0, counter=200), 4) == order[200:]


def test_bad_files_found_by_workers_are_known_too():
    loader = Loader(Numbers(300, bad=[3, 77]), batch=100, seed=0, workers=1)
    take(loader, 3)
    loader.close()
    assert len(loader.bad_files) == 2


@pytest.mark.parametrize(("count", "bad"), [(300, range(30)), (5, range(5)), (40, range(2)), (1, range(1))])
def test_too_many_bad_files_stop_the_run(count, bad):
    with pytest.raises(NoInputError, match=rf"of {count} pictures can't be read .*\.png is broken"):
        take(Loader(Numbers(count, bad=bad), batch=count, seed=0), 2)


def test_one_percent_may_be_bad_or_one_file_of_a_small_set():
    assert [allowed_bad(count) for count in (1, 2, 40, 300, 1000)] == [0, 1, 1, 3, 10]


def test_a_file_that_vanishes_is_skipped(pictures):
    (pictures.root / pictures.files[0]).unlink()
    loader = Loader(pictures, Preprocess.plain(8), batch=12, seed=0)
    assert len(next(loader)) == 12
    assert loader.bad_files == [f"{pictures.files[0]}: {pictures.root / pictures.files[0]} does not exist"]


@pytest.mark.parametrize(("batch", "rank", "world"), [(0, 0, 1), (5, 0, 2), (4, 2, 2)])
def test_a_batch_that_ranks_cannot_share_is_refused(batch, rank, world):
    with pytest.raises(UsageError, match="can't be shared"):
        Loader(Numbers(4), batch=batch, seed=0, rank=rank, world=world)


def test_an_empty_data_set_is_refused():
    with pytest.raises(NoInputError, match="empty"):
        Loader(Numbers(0), batch=1, seed=0)


def test_pictures_of_several_sizes_need_preprocessing(style_folder):
    from PIL import Image

    Image.new("RGB", (5, 5)).save(style_folder / "red" / "99.png")
    with pytest.raises(InputError, match="several sizes"):
        next(Loader(FolderPictures(style_folder), batch=13, seed=0))


def test_order_and_seeds_never_change_between_releases_and_processes():
    assert stable_seed(0, "epoch", 0) == 6585417215781571208
    assert permutation(8, 0, 0).tolist() == [1, 3, 0, 5, 6, 2, 4, 7]


class DyingOnce(Numbers):
    """Kills its worker process at item 3 unless a mark says that this happened before."""

    def __init__(self, mark, always=False):
        super().__init__(6)
        self.mark, self.always = mark, always

    def __getitem__(self, index):
        if index == 3 and (self.always or not self.mark.exists()):
            self.mark.touch()
            import os
            import signal

            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


def test_a_killed_worker_is_replaced_once_and_no_picture_is_lost(tmp_path):
    loader = Loader(DyingOnce(tmp_path / "mark"), batch=2, seed=0, workers=1)
    assert labels(loader, 6) == labels(Loader(Numbers(6), batch=2, seed=0), 6)
    loader.close()


def test_a_worker_that_dies_again_is_an_error_with_a_remedy(tmp_path):
    from ganstyle.errors import EnvironmentProblem

    with pytest.raises(EnvironmentProblem, match="a data worker process died, again") as caught:
        take(Loader(DyingOnce(tmp_path / "mark", always=True), batch=2, seed=0, workers=1), 4)
    assert "train.workers=0" in caught.value.hint
