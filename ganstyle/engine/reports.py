"""What a run did, for people: one HTML file that needs nothing else, and its curves as a picture."""

from __future__ import annotations

import base64
import html
import io
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ganstyle.data.writing import save_image, write_atomic
from ganstyle.engine import curves
from ganstyle.engine.charts import FAINT, GRID, INK, PAPER, Chart, picture, svg
from ganstyle.engine.durable import read_json
from ganstyle.engine.events import read_events
from ganstyle.engine.logging import read_scalars
from ganstyle.engine.run import Run
from ganstyle.errors import GanstyleError

REPORT, CURVES = "report.html", "curves.png"
MOST_PICTURES_BYTES = 2_200_000  # base64 makes a third more of it: below 3 MB with the curves
LARGEST_SIDE = 640
ALARMS = ("alarms", "collapse", "diverged")  # folders with contact sheets of what went wrong
PREVIEWS = 12  # the newest in full, the others evenly over the run

_STYLE = f"""
body {{ margin: 2em auto; max-width: 1280px; padding: 0 1em; font: 15px/1.5 sans-serif; color: {INK};
  background: {PAPER} }}
h1 {{ font-size: 1.5em }} h2 {{ font-size: 1.1em; margin-top: 2em; border-bottom: 1px solid {GRID} }}
.charts, .pictures {{ display: grid; gap: 1em; grid-template-columns: repeat(auto-fit, minmax(360px, 1fr)) }}
.pictures {{ grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)) }}
svg, img {{ width: 100%; height: auto }} figure {{ margin: 0 }} figcaption {{ color: {FAINT}; font-size: 13px }}
table {{ border-collapse: collapse }} td {{ padding: 1px 1.5em 1px 0; vertical-align: top }}
td:first-child {{ color: {FAINT} }} code, pre {{ font-size: 13px }}
"""
# Nothing may be loaded, not even by a file name that slipped through: pictures are inside, scripts are refused.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def write_report(folder: Path) -> Path | None:
    """Write `report.html` and `curves.png` into a run's folder, from what lies in it.

    Args:
        folder: a run's; whatever is missing there is missing in the report.

    Returns:
        The report, or None if it could not be written: a report never ends a run.
    """
    try:
        lines = read_scalars(folder)
        charts = curves.charts(lines)
        if charts:
            save_image(picture(charts), folder / CURVES, overwrite=True, source_type=None)
        return write_atomic(folder / REPORT, page(folder, lines, charts).encode("utf-8", "backslashreplace"))
    except Exception:  # a damaged log, a full disk, a foreign picture: the run is worth more than its report
        return None


def page(folder: Path, lines: Sequence[Mapping[str, Any]], charts: Sequence[Chart]) -> str:
    """Return the report as HTML.

    Args:
        folder: the run's.
        lines: of `read_scalars`.
        charts: of these lines.
    """
    sections = {
        "Summary": _table(summary(folder)),
        "Events": _list(_event(entry) for entry in read_events(folder) if isinstance(entry, Mapping)),
        "Curves": _grid("charts", [svg(chart) for chart in charts]),
        "Pictures": _grid("pictures", _figures(folder)),
        "Configuration": _table(_flat(_json(folder / "config.json")).items()),
        "Environment": _table(_flat(_json(folder / "environment.json")).items()),
    }
    body = "".join(f"<h2>{title}</h2>{content}" for title, content in sections.items() if content)
    name = html.escape(folder.resolve().name)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{name}</h1>{body}</body></html>\n"
    )


def summary(folder: Path) -> list[tuple[str, str]]:
    """Return what a reader wants first, as (name, value): what was trained, how far, how it ended."""
    config, status = _json(folder / "config.json"), Run(folder).status
    train = config.get("train", {})
    rows = {
        "networks": _joined(_name(config, "arch"), _name(config, "discriminator", "discriminator of ")),
        "loss": _joined(_name(config, "loss"), *config.get("regularizer", {})),
        "data": _name(config, "data"),
        "size": f"{train.get('resolution', '?')} x {train.get('width') or train.get('resolution', '?')} pixels",
        "images shown": f"{status.get('images', 0):,} of {train.get('images', 0):,}",
        "batch": str(train.get("batch", "?")),
        "seed": str(train.get("seed", "?")),
        "state": _joined(status.get("state"), status.get("reason")),
        "best checkpoint": _best(status.get("best")),
        "started from": _shown(status.get("init_from")),
        "written": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "go on": status.get("resume"),
    }
    return [(name, str(value)) for name, value in rows.items() if value]


def _best(best: Any) -> str:
    if not isinstance(best, Mapping) or not best:
        return ""
    value = best.get("value")
    score = f"{best.get('metric', 'score')} {value:.4g}" if isinstance(value, int | float) else ""
    return _joined(f"{best.get('images', 0):,} images", score)


def _event(entry: Mapping[str, Any]) -> str:
    images = entry.get("images")
    return (
        f"{images:,} images: {entry.get('message', '')}" if isinstance(images, int) else str(entry.get("message", ""))
    )


def _figures(folder: Path) -> list[str]:
    """Embed alarms' sheets, then previews, newest first, until the size is used up."""
    previews = sorted((folder / "previews").glob("*.png"))
    others = sorted(path for name in ALARMS for path in (folder / name).glob("*.png"))
    left, figures = MOST_PICTURES_BYTES, []
    for path in [*others[-4:], *_spread(previews, PREVIEWS)]:
        data = _small(path)
        if data is None or len(data) > left:
            continue
        left -= len(data)
        caption = f"{int(path.stem):,} images" if path.stem.isdigit() else f"{path.parent.name}/{path.name}"
        encoded = base64.b64encode(data).decode()
        figures.append(
            f'<figure><img alt="" src="data:image/webp;base64,{encoded}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        )
    return figures


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    """Return `count` of the paths, evenly, the last and the first among them, the last one first."""
    if len(paths) > count:
        paths = [paths[round(index * (len(paths) - 1) / (count - 1))] for index in range(count)]
    return list(reversed(paths))


def _small(path: Path) -> bytes | None:
    try:
        with Image.open(path, formats=["PNG"]) as opened:
            shrunk = opened.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError):  # half-written or foreign
        return None
    shrunk.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    shrunk.save(stream, "WEBP", quality=80)
    return stream.getvalue()


def _json(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except GanstyleError:
        return {}


def _name(config: Mapping[str, Any], section: str, before: str = "") -> str:
    name = (config.get(section) or {}).get("name", "")
    return before + name if name else ""


def _joined(*words: Any) -> str:
    return ", ".join(str(word) for word in words if word)


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {prefix: _shown(value)} if prefix else {}
    flat: dict[str, str] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _shown(value: Any) -> str:
    """Return a value as text; of a path only the last part, as reports are passed on."""
    if value is None:
        return ""
    text = str(value)
    return f".../{Path(text).name}" if isinstance(value, str) and Path(text).is_absolute() else text


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = [f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in rows]
    return f"<table>{''.join(cells)}</table>" if cells else ""


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def _grid(kind: str, parts: Sequence[str]) -> str:
    return f'<div class="{kind}">{"".join(f"<div>{part}</div>" for part in parts)}</div>' if parts else ""
