"""What the benchmarks of evaluation compute from their clocks, and what they call the right way."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def beside_one_another():
    """Benchmarks are programs that import one another by their bare names."""
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def evaluate(beside_one_another):
    return loaded("evaluate")


@pytest.fixture(scope="module")
def meaning(beside_one_another):
    return loaded("metric_meaning")


@pytest.fixture(scope="module")
def simulation(beside_one_another):
    return loaded("interval_coverage")


@pytest.fixture(scope="module")
def damages(meaning):
    return sys.modules["damages"]


def test_ratios_are_those_of_pairs_and_times_are_for_each_item(evaluate):
    # (CPU, clock) of ours and of the peer: CPU ratios 2, 3 and 1, clock ratios all 2.
    pairs = [((1.0, 1.0), (2.0, 2.0)), ((1.0, 2.0), (3.0, 4.0)), ((4.0, 3.0), (4.0, 6.0))]
    found = evaluate.summary(pairs, per=10)
    assert found["cpu"] == {"ours_ms": 100, "peer_ms": 300, "ratio_median_min_max": [2, 1, 3]}
    assert found["clock"]["ratio_median_min_max"] == [2, 2, 2]


def test_sides_take_turns_at_being_first(evaluate):
    order = []
    pairs = evaluate.alternating(lambda: order.append("ours"), lambda: order.append("peer"), 3)
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert len(pairs) == 3


def test_quick_changes_only_what_is_not_given(evaluate):
    assert evaluate.options_of([]).pairs == 7
    quick = evaluate.options_of(["--quick", "--pairs", "5"])
    assert (quick.pairs, quick.sizes, quick.threads) == (5, [256], [1])


def test_random_weights_repeat_and_fit_the_published_layout(evaluate):
    weights = sys.modules["metric_peers"].random_weights()
    assert len(weights) == 566
    again = sys.modules["metric_peers"].random_weights()
    assert all(torch.equal(weights[name], again[name]) for name in ("fc.weight", "Conv2d_1a_3x3.conv.weight"))


def track(meaning, expected, values, *, higher=False):
    return meaning.Track("key", "ladder", expected, higher, ("",) * 5, values)


@pytest.mark.parametrize(
    ("expected", "higher", "values", "verdict"),
    [
        ("worse", False, [1, 2, 3, 4, 5], True),
        ("worse", True, [1, 2, 3, 4, 5], False),
        ("worse", False, [1, 2, 1.5, 4, 5], False),
        ("worse", False, [1, 2, 1.9, 4, 5], True),  # within a twentieth of the way
        ("better", False, [5, 4, 3, 2, 1], True),
        ("still", False, [1, 1.5, 0.5, 1, 1], True),
        ("still", False, [1, 1, 1, 1, 4], False),
        ("", False, [1, 9, 1, 9, 1], None),
        ("worse", True, [float("inf"), 40, 30, 20, 10], True),  # PSNR of equal pictures
    ],
)
def test_verdicts(meaning, expected, higher, values, verdict):
    assert track(meaning, expected, values, higher=higher).verdict(widest=10) is verdict


def test_the_first_pattern_that_matches_says_what_is_expected(meaning):
    ladder = meaning.Ladder("blur", ("",) * 5, dict, (("recall", ""), ("colour", "still")))
    assert [ladder.expectation(key) for key in ("recall_k3", "colour_distance", "fd")] == ["", "still", "worse"]


def test_every_damage_is_none_at_first_and_grows(damages):
    pixels = torch.randint(0, 256, (3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    changes = {name: change for name, (change, _) in damages.damages(1).items()}
    changes |= {"board": damages.checkered(0, 2, 4, 8, 16), "shift": damages.shifted(0, 1, 2, 4, 8)}
    for name, change in changes.items():
        assert torch.equal(change(pixels, 0), pixels), name
        far = [(change(pixels, grade).int() - pixels).abs().float().mean() for grade in (1, 4)]
        assert 0 < far[0] <= far[1] + 8, name  # noise against noise: a shift of white noise moves it all at once


def test_shares_replace_so_many_pictures(meaning):
    assert meaning.with_share("aaaaaaaa", "bbbbbbbb", 0.25).count("b") == 2
    assert meaning.with_share("aaaaaaaa", "bbbbbbbb", 1) == list("bbbbbbbb")


def test_colours_of_a_work_bring_its_means(damages):
    generator = torch.Generator().manual_seed(1)
    photo, work = (
        torch.randint(low, low + 90, (3, 20, 20), dtype=torch.uint8, generator=generator) for low in (90, 40)
    )
    found = damages.with_colours(photo, work).float()
    assert (found.mean((1, 2)) - work.float().mean((1, 2))).abs().max() < 1
    assert torch.corrcoef(torch.stack([found[0].flatten(), photo[0].float().flatten()]))[0, 1] > 0.99


def test_tables_and_charts_hold_every_metric(meaning, tmp_path):
    tracks = [track(meaning, "worse", [1.0, 2, 3, 4, 5]), track(meaning, "still", [1.0, 1, 1, 1, 9])]
    assert meaning.table(tracks).count("| `key` |") == 2
    assert "**no**" in meaning.table(tracks)
    meaning.draw(tracks, tmp_path)
    assert (tmp_path / "key.png").stat().st_size < 60_000


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["Fréchet", "KID", "precision", "recall", "density", "coverage", "mean over pairs"])
def test_intervals_hold_the_truth_in_nine_of_ten_simulated_cases(simulation, name):
    found = {
        (case.kind, case.counts): simulation.coverage(case, 100)[0] for case in simulation.cases() if case.name == name
    }
    assert len(found) >= 8
    # Of 100 cases at 95 %, fewer than 88 hold it in one run of 1,000.
    assert {case: share for case, share in found.items() if share < 0.88} == {}
    assert sum(found.values()) / len(found) >= 0.9


def test_coverage_counts_the_intervals_that_hold_the_truth(simulation, monkeypatch):
    class Off(simulation.Mean):
        """Half of its intervals are far away."""

        def intervals(self):
            return {"mean": (-1e9, 1e9) if self.values()[0] < 0 else (1e8, 1e9)}

    case = simulation.Case("mean over pairs", "normal", (1, 0), lambda: Off(key="mean", protocol="", device="cpu"))
    assert 0.3 < simulation.coverage(case, 60)[0] < 0.7
