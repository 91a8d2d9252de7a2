"""Make the styles in the wheel from the masters' works, with the weights that are installed.

    python docs/make_styles.py SOURCES [--only NAME] [--steps N | --seconds N] [--out FOLDER] [--model MODEL]

SOURCES is the folder that `shipped_styles.toml` speaks of. A style whose file exists is made again and replaced.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

RECIPE = Path(__file__).parent / "shipped_styles.toml"
SHIPPED = Path(__file__).parent.parent / "plugins" / "ganstyle_styles" / "styles"
FREE = {"Public domain", "CC0"}


def plans(recipe: Path = RECIPE) -> dict[str, dict[str, Any]]:
    """Return the facts of every style by name: title, author, licence, source, files, steps and loss."""
    document = tomllib.loads(recipe.read_text(encoding="utf-8"))
    styles = document.pop("styles")
    return {name: document | facts for name, facts in styles.items()}


def licences(sources: Path) -> dict[str, str]:
    """Return the licence of every work below the sources, by its path."""
    found = {}
    for listing, folder in (
        ("masters_sources.json", "masters"),
        ("paintings/hiroshige_sources.json", "paintings/hiroshige"),
    ):
        if (sources / listing).is_file():
            entries = json.loads((sources / listing).read_text(encoding="utf-8"))
            found |= {f"{folder}/{entry['file']}": entry["license"] for entry in entries}
    return found


def check(wanted: dict[str, dict[str, Any]], sources: Path) -> None:
    """Stop with a message if a work is missing or is not free."""
    known = licences(sources)
    for name, facts in wanted.items():
        for file in facts["files"]:
            if not (sources / file).is_file():
                sys.exit(f"{name}: there is no {sources / file}")
            if known.get(file) not in FREE:
                sys.exit(f"{name}: {file} is not known to be free, its licence is {known.get(file)!r}")


def make(name: str, facts: dict[str, Any], sources: Path, *, base: Any, out: Path) -> str:
    """Write one style and return a line about it."""
    from ganstyle.registry import default_registry
    from ganstyle.style.bank import write_style
    from ganstyle.style.card import SUFFIX
    from ganstyle.style.learning import make_style
    from ganstyle.style.refining import RefinePlan

    began = time.monotonic()
    loss = default_registry().build("loss", facts["loss"], {})
    steps = None if facts.get("seconds") else facts["steps"]
    plan = RefinePlan(steps, facts.get("seconds"), loss, facts["loss"], adapter=False)  # 55 kB for each of the styles
    words = {key: facts[key] for key in ("title", "author", "licence", "source")}
    works = [sources / file for file in facts["files"]]
    style = make_style(works, name=name, base=base, plan=plan, lean=True, **words)
    path = write_style(style, out / f"{name}{SUFFIX}", overwrite=True)
    card = style.card
    told = f"{card.fit_steps:4} steps  score {card.instant_score:.3f} -> {card.refined_score:.3f}"
    return f"{name:12} {len(works)} works  {told}  {path.stat().st_size:6} bytes  {time.monotonic() - began:4.0f} s"


def main() -> None:
    """Make the styles asked for."""
    from ganstyle.style.base import load_base

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path)
    parser.add_argument("--only", action="append", help="this style; may be repeated")
    parser.add_argument("--steps", type=int, help="of refinement, for every style")
    parser.add_argument("--seconds", type=float, help="of refinement, for every style, instead of steps")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--model", help="other weights: a model file or a run")
    given = parser.parse_args()
    wanted = {name: facts for name, facts in plans().items() if not given.only or name in given.only}
    unknown = set(given.only or ()) - set(wanted)
    if unknown:
        sys.exit(f"no style {', '.join(sorted(unknown))} in {RECIPE.name}")
    check(wanted, given.sources)
    base = load_base(given.model, device="cpu")
    given.out.mkdir(parents=True, exist_ok=True)
    for name, facts in wanted.items():
        changed = {key: value for key in ("steps", "seconds") if (value := getattr(given, key)) is not None}
        print(make(name, facts | changed, given.sources, base=base, out=given.out), flush=True)


if __name__ == "__main__":
    main()
