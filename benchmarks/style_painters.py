"""The methods that are compared, each painting a photograph after one work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from style_bench import Bench, Work
from style_judges import Pixels, as_input, look
from style_measures import layer_distances
from style_tables import METHODS

from ganstyle.style.bank import Style, read_style, write_style
from ganstyle.style.learning import make_style
from ganstyle.style.refining import RefinePlan
from ganstyle.style.transfer import TransferOptions, apply_style, picture_of

FIXED_STYLES = 26  # of the competitor


def painters(bench: Bench) -> dict[str, Callable[[Pixels, Work], Pixels]]:
    """Return the methods that can run here."""
    found: dict[str, Callable[[Pixels, Work], Pixels]] = {
        "photo": lambda photo, work: photo,
        "colour": lambda photo, work: colour_transfer(photo, work.pixels),
        "instant": lambda photo, work: ours(bench, photo, work, refined=False),
        "broad": lambda photo, work: ours(bench, photo, work, refined=False, stroke_size=bench.options.broad),
        "refined": lambda photo, work: ours(bench, photo, work, refined=True),
        "gatys": lambda photo, work: optimised(bench, photo, work),
    }
    if bench.engine is not None:
        found["arbitrary"] = lambda photo, work: np.asarray(
            bench.engine.stylize_with(Image.fromarray(photo), Image.fromarray(work.pixels))
        )
        found["nearest"] = lambda photo, work: np.asarray(
            bench.engine.stylize(Image.fromarray(photo), nearest_style(bench, work))
        )
    return {name: found[name] for name in METHODS if name in found and name in bench.options.methods}


def paint(bench: Bench, method: str, photo: str, *, work: Work) -> Pixels:
    """Return a painting, from the cache if it is there."""
    path = bench.options.cache / f"{painting_key(bench, method, photo, work=work)}.png"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(painters(bench)[method](bench.photos[photo], work)).save(path, compress_level=1)
    return np.asarray(Image.open(path).convert("RGB"))


def painting_key(bench: Bench, method: str, photo: str, *, work: Work) -> str:
    """Return a name for what decides a painting."""
    digest = hashlib.sha256(identity(bench, method, work).encode())
    for pixels in (bench.photos[photo], work.pixels):
        digest.update(str(pixels.shape).encode() + pixels.tobytes())
    return f"{method}-{digest.hexdigest()[:24]}"


def identity(bench: Bench, method: str, work: Work) -> str:
    """Return what, besides photograph and work, decides the method's picture."""
    options = bench.options
    if method in ("instant", "broad", "refined"):
        steps = {"refined": f" {options.fit_steps} steps", "broad": f" {options.broad}"}.get(method, "")
        return f"{method} {bench.base.sha256}{steps}"
    if method == "gatys":
        return f"gatys {options.gatys_steps} {hashlib.sha256(_gatys_source()).hexdigest()[:12]}"
    return f"nearest {nearest_style(bench, work)}" if method == "nearest" else method


def _gatys_source() -> bytes:
    spec = find_spec("ganstyle_styles.gatys")
    return Path(spec.origin).read_bytes() if spec and spec.origin else b""


def colour_transfer(photo: Pixels, work: Pixels) -> Pixels:
    """Give the photograph the work's mean and covariance of colours, by the map that moves colours least.

    Source: Pitié and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping", eq. 4.
    """
    x, y = (pixels.reshape(-1, 3).astype(np.float64) for pixels in (photo, work))
    own, wanted = (np.cov(colours, rowvar=False) + 1e-3 * np.eye(3) for colours in (x, y))
    root = _root(own)
    inverse = np.linalg.inv(root)
    mapped = (x - x.mean(0)) @ (inverse @ _root(root @ wanted @ root) @ inverse) + y.mean(0)
    return np.clip(np.rint(mapped), 0, 255).astype(np.uint8).reshape(photo.shape)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def ours(bench: Bench, photo: Pixels, work: Work, *, refined: bool, stroke_size: float | None = None) -> Pixels:
    """Return adastyle's painting."""
    style, options = style_of(bench, work, refined=refined), TransferOptions(stroke_size=stroke_size)
    return apply_style(picture_of(photo), style, base=bench.base, options=options).rgb


def style_of(bench: Bench, work: Work, *, refined: bool) -> Style:
    """Return the work's style, made by the library and kept as a style file."""
    options = bench.options
    steps = options.fit_steps if refined else 0
    path = options.cache / f"{work.name}-{bench.base.sha256[:12]}-{steps}.style.safetensors"
    if not path.is_file():
        plan = RefinePlan(steps=steps, photos=options.fit_photos) if refined else None
        name = "".join(c if c.isalnum() else "_" for c in work.name.lower())
        write_style(make_style(work.path, name=name, base=bench.base, plan=plan), path)
    return read_style(path)


def nearest_style(bench: Bench, work: Work) -> int:
    """Return which of the competitor's fixed styles the judge finds nearest to the work, on two small photographs."""
    kept = bench.options.cache / f"nearest-{bench.judge.name}-{_names(bench)}.json"
    if not bench.nearest and kept.is_file():
        bench.nearest = json.loads(kept.read_text(encoding="utf-8"))
    if not bench.nearest:
        bench.nearest = nearest_styles(bench)
        kept.write_text(json.dumps(bench.nearest), encoding="utf-8")
    return bench.nearest[work.name]


def nearest_styles(bench: Bench, *, side: int = 256) -> dict[str, int]:
    """Return the nearest fixed style of every work, by its name."""
    total = {work.name: np.zeros(FIXED_STYLES) for work in bench.works}
    for photo in list(bench.photos.values())[:2]:
        small = Image.fromarray(photo)
        small.thumbnail((side, side))
        for style in range(FIXED_STYLES):
            painted = as_input(np.asarray(bench.engine.stylize(small, style)))
            statistics = look(bench.judge, painted, layout=False).full
            for work in bench.works:
                layers = layer_distances(bench.judge, statistics, bench.work_seen(work).half)
                total[work.name][style] += np.mean(list(layers.values()))
    return {name: int(sums.argmin()) for name, sums in total.items()}


def _names(bench: Bench) -> str:
    names = [*list(bench.photos)[:2], *(work.name for work in bench.works)]
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:12]


def optimised(bench: Bench, photo: Pixels, work: Work) -> Pixels:
    """Return the picture of which the pixels were optimised."""
    from ganstyle_styles.gatys import optimise_pixels

    content, style = (torch.from_numpy(np.array(pixels)).permute(2, 0, 1) for pixels in (photo, work.pixels))
    steps = bench.options.gatys_steps
    return optimise_pixels(content, [style], steps=steps).image.permute(1, 2, 0).contiguous().numpy()
