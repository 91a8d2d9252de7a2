"""Does every metric move the right way under damage whose strength is known?

    python benchmarks/metric_meaning.py DATA --out docs/results/evaluation      # about 20 minutes of CPU
    python benchmarks/metric_meaning.py DATA --only films styles --count 40

DATA holds `cifar10/test.zip`, `paintings/monet`, `paintings/van_gogh`, `photos_kodak` and `masters`. Every ladder has
five rungs, from no damage to the most, on the same pictures; each metric that needs no download is put on each ladder
that concerns it. Expected is what its definition promises: `worse`, `better`, or `still` (it must not see this). A
metric does as expected if it gets worse (or better) at every rung, bar a twentieth of the whole way, or if it stays
within a fifth of the way it goes on its steepest ladder. Written are one chart for each metric (the value by rungs),
meaning.json and meaning.md, the table.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from damages import Change, checkered, damages, noisy, shifted, with_colours
from PIL import Image
from torch import Tensor

from ganstyle.config import Selection, resolve
from ganstyle.data.reading import read_image
from ganstyle.engine.charts import Chart, Series, picture
from ganstyle.engine.evaluation import evaluate
from ganstyle.engine.feature_cache import FeatureCache
from ganstyle.engine.sources import picture_set
from ganstyle.registry import default_registry
from ganstyle.style.transfer import transfer

GRADES = 5
STYLES = {  # stored style: the works it was made of
    "seurat": ("masters/georges_seurat/a_sunday_on_la_grande_jatte.jpg",),
    "hokusai": ("masters/katsushika_hokusai/great_wave.jpg", "masters/katsushika_hokusai/kirifuri_waterfall.jpg"),
}
CROP = 256  # of photographs; metrics of pairs are judged on their middles
SLACK, STILL = 0.05, 0.2
SAID: set[str] = set()  # errors that were printed


@dataclass(frozen=True)
class Ladder:
    """The same pictures in five grades of damage.

    Attributes:
        name: of the damage.
        rungs: what each grade is, in words.
        parts: of `evaluate`, for each grade.
        expected: (pattern of keys, what they do); the first that matches counts, `worse` if none does.
    """

    name: str
    rungs: tuple[str, ...]
    parts: Callable[[int], dict[str, Any]]
    expected: tuple[tuple[str, str], ...] = ()

    def expectation(self, key: str) -> str:
        """Return what a metric should do: worse, better or still; empty if nothing is promised."""
        return next((said for pattern, said in self.expected if re.search(pattern, key)), "worse")


@dataclass
class Track:
    """One metric on one ladder."""

    key: str
    ladder: str
    expected: str
    higher_is_better: bool
    rungs: tuple[str, ...]
    values: list[float] = field(default_factory=list)

    @property
    def gains(self) -> list[float]:
        """How much better each grade is than the first that can be measured: PSNR of equal pictures is infinite."""
        sign, measured = 1 if self.higher_is_better else -1, [value for value in self.values if np.isfinite(value)]
        return [sign * (value - measured[0]) for value in measured]

    def verdict(self, widest: float) -> bool | None:
        """Tell whether it did as expected; None if nothing was.

        Args:
            widest: how far this metric goes on its steepest ladder.
        """
        if not self.expected or len(self.values) < GRADES:
            return None
        way = [gain if self.expected == "better" else -gain for gain in self.gains]
        if self.expected == "still":
            return max(map(abs, way)) <= STILL * widest
        return way[-1] > 0 and all(b - a >= -SLACK * way[-1] for a, b in pairwise(way))


def pictures(place: Path, count: int | None = None) -> list[Tensor]:
    """Return pictures of a folder or zip, evenly spaced."""
    return list(picture_set(str(place), registry=default_registry(), count=count).iterate())


def with_share(own: Sequence[Tensor], other: Sequence[Tensor], share: float) -> list[Tensor]:
    """Return the pictures with a share of them replaced, evenly spread."""
    replaced = {int(index * len(own) / max(1, round(share * len(own)))) for index in range(round(share * len(own)))}
    return [other[index] if index in replaced else one for index, one in enumerate(own)]


def of_sets(data: Path, count: int) -> Iterator[Ladder]:
    """Ladders of two sets: CIFAR-10 test pictures against others of the same classes, and paintings."""
    found = pictures(data / "cifar10" / "test.zip")  # sorted by class, 1,000 of each
    classes = [found[start : start + len(found) // 10] for start in range(0, len(found), len(found) // 10)]
    each = count // 10
    real = [one for group in classes for one in group[:each]]
    fake = [one for group in classes for one in group[each : 2 * each]]
    copies = (r"authpct", "")
    # Without details pictures are usual ones: more of them lie among the real ones, while they cover fewer of those.
    lenient = dict.fromkeys(("blur", "JPEG"), ((r"^precision|^density|^is_", ""), copies))
    for name, (change, rungs) in damages(1).items():

        def damaged(grade: int, change: Change = change) -> dict[str, Any]:
            return {"real": real, "fake": [change(one, grade) for one in fake]}

        yield Ladder(name, rungs, damaged, lenient.get(name, ((r"^is_", ""), copies)))
    kept = (10, 7, 4, 2, 1)

    def modes(grade: int) -> dict[str, Any]:
        own = classes[: kept[grade]]
        return {"real": real, "fake": [own[i % len(own)][each + i // len(own)] for i in range(len(fake))]}

    lost = ((r"^precision|^density|^is_", ""), copies)
    yield Ladder("lost classes", tuple(f"{n} of 10" for n in kept), modes, lost)
    distinct = [len(fake) // by for by in (1, 2, 4, 8, 16)]

    def repeats(grade: int) -> dict[str, Any]:
        few = fake[:: 2**grade]
        return {"real": real, "fake": [few[i % len(few)] for i in range(len(fake))]}

    yield Ladder("repetition", tuple(f"{n} distinct" for n in distinct), repeats, lost)

    def copied(grade: int) -> dict[str, Any]:
        return {"real": real, "fake": with_share(fake, real, grade / 4)}

    shares = ("0", "1/4", "1/2", "3/4", "all")
    yield Ladder("copies of real ones", shares, copied, ((r"authpct", "worse"), ("^density", ""), ("", "better")))
    monet, other = pictures(data / "paintings" / "monet", 240), pictures(data / "paintings" / "van_gogh", 120)

    def foreign(grade: int) -> dict[str, Any]:
        return {"real": monet[::2], "fake": with_share(monet[1::2], other, grade / 4)}

    yield Ladder("another painter", shares, foreign, ((r"recall|^is_", ""), copies))


def photographs(data: Path) -> list[Tensor]:
    """Return the middles of the Kodak photographs."""
    found = []
    for photo in pictures(data / "photos_kodak"):
        top, left = ((side - CROP) // 2 for side in photo.shape[1:])
        found.append(photo[:, top : top + CROP, left : left + CROP].contiguous())
    return found


def of_pairs(data: Path, count: int) -> Iterator[Ladder]:
    """Ladders of pairs: photographs and what damage made of them."""
    photos = photographs(data)
    more = {
        "checkerboard": (checkered(0, 2, 4, 8, 16), ("0", "±2", "±4", "±8", "±16")),
        "shift": (shifted(0, 1, 2, 4, 8), ("0", "1 px", "2 px", "4 px", "8 px")),
    }
    own = {
        "recolouring": (("content", "still"), ("edge", "")),
        "checkerboard": (("edge_artefacts$|_dots", "worse"), ("edge|content", "")),
        "JPEG": (("_seams", "worse"), ("edge", "")),
    }
    for name, (change, rungs) in (damages(2) | more).items():

        def damaged(grade: int, change: Change = change) -> dict[str, Any]:
            return {"fake": photos, "pairs": [(change(photo, grade), photo) for photo in photos]}

        yield Ladder(name, rungs, damaged, own.get(name, (("edge", ""),)))


def of_styles(data: Path, count: int) -> Iterator[Ladder]:
    """Ladders of style: photographs through stored styles, more or less so, and under wrong names."""
    photos, names = photographs(data), list(STYLES)
    styles = {name: [read_image(data / place) for place in places] for name, places in STYLES.items()}

    @cache
    def painted(name: str, number: int, strength: float) -> Tensor:
        return transfer(photos[number], name, device="cpu", strength=strength)

    def pairs(paint: Callable[[str, int], Tensor], named: Callable[[int, int], str]) -> dict[str, Any]:
        found = [
            (paint(name, number), photo, named(which, number))
            for which, name in enumerate(names)
            for number, photo in enumerate(photos)
        ]
        return {"fake": photos, "pairs": found, "styles": styles}

    def stronger(grade: int) -> dict[str, Any]:
        return pairs(lambda name, number: painted(name, number, grade / 4), lambda which, number: names[which])

    def misnamed(grade: int) -> dict[str, Any]:
        wrong = round(grade / 4 * len(photos))
        return pairs(
            lambda name, number: painted(name, number, 1.0),
            lambda which, number: names[which ^ (number < wrong)],
        )

    def colours(grade: int) -> dict[str, Any]:
        def mixed(name: str, number: int) -> Tensor:
            share, photo = grade / 4, photos[number]
            return (photo * (1 - share) + with_colours(photo, styles[name][0]) * share).round().to(torch.uint8)

        # Colours have one aim: the first work's.
        return pairs(mixed, lambda which, number: names[which]) | {"styles": {n: styles[n][:1] for n in names}}

    strengths = tuple(f"{grade / 4:g}" for grade in range(GRADES))
    content = "content|ssim|psnr|lpips|dists"
    # ArtFID weighs content against style, and compares all paintings with all works, whatever their names.
    nearer = (("artfid", ""), (content, "worse"), ("style|colour", "better"), ("", ""))
    yield Ladder("strength", strengths, stronger, nearer)
    wrong = tuple(f"{round(grade / 4 * len(photos))} of {len(photos)}" for grade in range(GRADES))
    yield Ladder("wrong style", wrong, misnamed, (("style|colour", "worse"), ("", "")))
    mere = (("colour", "better"), ("content|style_gram|style_stats", "still"), ("", ""))
    yield Ladder("colours only", strengths, colours, mere)


def of_films(data: Path, count: int) -> Iterator[Ladder]:
    """Ladders of films: a window that glides over a photograph, so that its motion is known."""
    photo = pictures(data / "photos_kodak")[0]
    frames = [photo[:, 40:232, 3 * n : 3 * n + 256].contiguous() for n in range(10)]
    noises, own = (0, 2, 4, 8, 16), ((r"_of_source$", "still"),)
    noise, rungs = noisy(*noises), tuple(f"σ {x}" for x in noises)
    yield Ladder(
        "noise of each frame", rungs, lambda grade: {"film": [noise(f, grade) for f in frames], "of": frames}, own
    )

    def light(grade: int) -> dict[str, Any]:
        film = [
            (f * (1 + 0.03 * grade * (-1) ** n)).round().clamp(0, 255).to(torch.uint8) for n, f in enumerate(frames)
        ]
        return {"film": film, "of": frames}

    yield Ladder("flickering light", tuple(f"±{3 * grade} %" for grade in range(GRADES)), light, own)


SUBJECTS = {"sets": of_sets, "pairs": of_pairs, "styles": of_styles, "films": of_films}


def concerned(subject: str) -> list[str]:
    """Return the metrics that a subject's ladders are for and that can run here."""
    registry = default_registry()
    found = []
    for name in registry.names("metric"):
        try:
            evaluator = registry.build("metric", name, {}, "cpu")
        except Exception as error:  # weights that aren't here
            print(f"{name}: left out, {str(error)[:100]}", flush=True)
            continue
        if subject in subjects_of(evaluator):
            found.append(name)
    return found


def subjects_of(evaluator: Any) -> set[str]:
    """Return the subjects that a metric is about."""
    if getattr(evaluator, "generative", False):
        return set()
    if getattr(evaluator, "film", False):
        return {"films"}
    if getattr(evaluator, "styled", False):
        return {"styles"}
    return {"pairs", "styles"} if getattr(evaluator, "paired", False) else {"sets"}


def climbed(ladder: Ladder, metrics: Sequence[str]) -> list[Track]:
    """Put metrics on a ladder."""
    tracks: dict[str, Track] = {}
    for grade in range(GRADES):
        parts = ladder.parts(grade)
        found = film_values(metrics, **parts) if "film" in parts else values(metrics, parts)
        for key, (value, higher) in found.items():
            made = Track(key, ladder.name, ladder.expectation(key), higher, ladder.rungs)
            tracks.setdefault(key, made).values.append(value)
    for track in tracks.values():
        print(f"{ladder.name}: {track.key}: {', '.join(f'{value:.4g}' for value in track.values)}", flush=True)
    return list(tracks.values())


def values(metrics: Sequence[str], parts: dict[str, Any]) -> dict[str, tuple[float, bool]]:
    """Return (value, whether higher is better) by key; what fails is printed."""
    chosen = [Selection(name, options_for(name)) for name in metrics]
    scores = evaluate(chosen, registry=default_registry(), cache=FeatureCache(), **parts)
    for score in scores:
        if score.value is None and score.error not in SAID:
            SAID.add(score.error)
            print(f"{score.metric}: {score.error}", flush=True)
    return {score.key: (score.value, score.higher_is_better) for score in scores if score.value is not None}


def film_values(metrics: Sequence[str], film: list[Tensor], of: list[Tensor]) -> dict[str, tuple[float, bool]]:
    """Return the same for a film and what it was made of."""
    found = {}
    for name in metrics:
        evaluator = default_registry().build("metric", name, options_for(name), "cpu")
        evaluator.update_film(iter(film), iter(of))
        found |= {key: (value, evaluator.higher_is_better) for key, value in evaluator.compute().items()}
    return found


def options_for(name: str) -> dict[str, Any]:
    """Return a metric's own defaults."""
    return dict(resolve(default_registry(), flags={"metric": name}).metric[0].options)


def by_key(tracks: Sequence[Track]) -> dict[str, list[Track]]:
    """Return the ladders of each metric; those of one chart stand on one scale."""
    return {key: [one for one in tracks if one.key == key] for key in dict.fromkeys(one.key for one in tracks)}


def draw(tracks: Sequence[Track], folder: Path) -> None:
    """Write one chart for each metric."""
    for key, own in by_key(tracks).items():
        title = f"{key} ({'higher' if own[0].higher_is_better else 'lower'} is better)"
        lines = [Series(one.ladder, points) for one in own if (points := finite(one.values))]
        charts = [Chart(title, tuple(lines[at : at + 4]), across="grade") for at in range(0, len(lines), 4)]
        if charts:
            page = picture(charts)
            page.quantize(250, dither=Image.Dither.NONE).save(folder / f"{key}.png", optimize=True)


def finite(values: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Return the points that can be drawn; PSNR of equal pictures can't."""
    return tuple((grade, value) for grade, value in enumerate(values) if np.isfinite(value))


def table(tracks: Sequence[Track]) -> str:
    """Return the values by grades, with what was expected and whether it came."""
    lines = ["| metric | ladder | expected | " + " | ".join(f"grade {n}" for n in range(GRADES)) + " | came |"]
    lines.append("|---" * (GRADES + 4) + "|")
    for key, own in by_key(tracks).items():
        widest = max(abs(gain) for one in own for gain in one.gains)
        for one in own:
            said = {True: "yes", False: "**no**", None: ""}[one.verdict(widest)]
            values = " | ".join(f"{value:.4g}" for value in one.values)
            lines.append(f"| `{key}` | {one.ladder} | {one.expected or 'nothing'} | {values} | {said} |")
    return "\n".join(lines) + "\n"


def storable(values: Sequence[float]) -> list[float | None]:
    """Return five digits of each value, None for what JSON doesn't know."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]


def main() -> None:
    """Climb all ladders; what was measured before stays where a subject isn't named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--ladders", nargs="+", default=[], help="of these subjects; the others are kept as they were")
    parser.add_argument("--count", type=int, default=250, help="pictures of each side, of sets; a multiple of 10")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "meaning.json"
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    for subject in options.only:
        metrics = concerned(subject)
        for ladder in SUBJECTS[subject](options.data, options.count):
            if options.ladders and ladder.name not in options.ladders:
                continue
            found = [vars(track) | {"values": storable(track.values)} for track in climbed(ladder, metrics)]
            known[subject] = [one for one in known.get(subject, []) if one["ladder"] != ladder.name] + found
            kept.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")  # what was climbed is kept
    every = [Track(**one) for subject in SUBJECTS for one in known.get(subject, [])]
    for track in every:
        track.values = [np.inf if value is None else value for value in track.values]
    every = [track for track in every if track.expected or len(set(track.values)) > 1]  # the rest says nothing
    draw(every, options.out)
    (options.out / "meaning.md").write_text(table(every), encoding="utf-8")


if __name__ == "__main__":
    main()
