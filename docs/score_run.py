"""Score a finished run against pictures it never saw and keep what shows it, small, in docs/results/NAME.

    python docs/score_run.py NAME RUN TEST [--train TRAIN] [--count 2000]

TEST and TRAIN are folders or zips. Writes scores.json (with the distance of TRAIN from TEST as the floor), grid.jpg,
curves.png and model.safetensors in half precision. Every figure comes from `ganstyle eval`, every picture from
`ganstyle generate`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from ganstyle.engine.logging import read_scalars
from ganstyle.engine.model import load_model, save_model
from ganstyle.engine.run import Run
from ganstyle.registry import default_registry

RESULTS = Path(__file__).parent / "results"
METRICS = "fd_efficientnet_lite0,kid_efficientnet_lite0"
SEED = 0
KEPT = ("value", "n_fake", "n_real", "protocol", "resize", "weights_sha256", "warnings")


def ganstyle(*words: object) -> dict[str, Any]:
    """Run one command; return its answer."""
    command = [sys.executable, "-m", "ganstyle", *map(str, words), "--json", "--quiet"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def distances(*words: object, count: int) -> dict[str, Any]:
    """Return the metrics of one pair of sets by key."""
    answer = ganstyle("eval", *words, "--metric", METRICS, "--count", count, "--seed", SEED)
    return {score["key"]: {key: score[key] for key in KEPT} for score in answer["scores"]}


def facts(run: Run) -> dict[str, Any]:
    """Return what the scores depend on: budget, versions, speed."""
    config, environment = run.config, run.environment
    speeds = sorted(line["images_per_second"] for line in read_scalars(run.folder) if "images_per_second" in line)
    return {
        "arch": config["arch"]["name"],
        "loss": config["loss"]["name"],
        "regularizers": sorted(config["regularizer"]),
        "images": run.status["images"],
        "batch": config["train"]["batch"],
        "resolution": config["train"]["resolution"],
        "seed": config["train"]["seed"],
        "images_per_second_median": speeds[len(speeds) // 2] if speeds else None,
        "torch": environment.get("torch"),
        "hardware": "one thread of a 2-core Xeon at 2.1 GHz, shared with other work",
    }


def export(run: Run, target: Path) -> None:
    """Keep the averaged generator in half precision."""
    model = load_model(run.folder / "model.safetensors", registry=default_registry())
    save_model(target / "model.safetensors", model.networks, model.card, half=True)


def grid(target: Path) -> None:
    """Keep 64 samples of the exported file."""
    with tempfile.TemporaryDirectory() as folder:
        made = ganstyle(
            "generate", target / "model.safetensors", "--count", 64, "--seed", SEED, "--out", folder, "--grid"
        )
        picture = Image.open(made["grid"]).convert("RGB")
        picture.save(target / "grid.jpg", quality=88)


def main() -> None:
    """Score, draw, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("run", type=Path)
    parser.add_argument("test")
    parser.add_argument("--train")
    parser.add_argument("--count", type=int, default=2000)
    given = parser.parse_args()
    run, target = Run.open(given.run), RESULTS / given.name
    target.mkdir(parents=True, exist_ok=True)
    export(run, target)
    grid(target)
    ganstyle("report", run.folder)
    shutil.copy(run.folder / "curves.png", target)
    scores = {
        "run": facts(run),
        "seed": SEED,
        "generated": distances(run.folder, "--real", given.test, count=given.count),
    }
    if given.train:
        scores["floor"] = distances(given.train, given.test, count=given.count)
    (target / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    print(
        json.dumps(
            {
                side: {k: v["value"] for k, v in scores[side].items()}
                for side in ("generated", "floor")
                if side in scores
            }
        )
    )


if __name__ == "__main__":
    main()
