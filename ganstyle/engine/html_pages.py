"""Pieces of one-file HTML pages: escaped text, embedded pictures; nothing is loaded, no script runs."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from ganstyle.engine.charts import FAINT, GRID, INK, PAPER

LARGEST_SIDE = 384  # of an embedded picture, in pixels
MOST_BYTES = 6_000_000  # of all pictures of a page, before base64

STYLE = f"""
body {{ margin: 2em auto; max-width: 1280px; padding: 0 1em; font: 15px/1.5 sans-serif; color: {INK};
  background: {PAPER} }}
h1 {{ font-size: 1.5em }} h2 {{ font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid {GRID} }}
h3 {{ font-size: 1em; margin: 1.2em 0 .4em }} p {{ max-width: 56em; margin: .4em 0 }}
.scroll {{ overflow-x: auto }}
table {{ border-collapse: collapse }} th {{ text-align: left; color: {FAINT}; font-weight: normal }}
td, th {{ padding: 3px 1.4em 3px 0; vertical-align: top; border-bottom: 1px solid {GRID} }}
table.plain td {{ border: 0; padding: 1px 1.5em 1px 0 }} table.plain td:first-child {{ color: {FAINT} }}
td.key {{ font-weight: 600; white-space: nowrap }} td.number {{ white-space: nowrap; text-align: right;
  font-variant-numeric: tabular-nums }} td.small, .small {{ font-size: 13px; color: {FAINT} }}
.grid {{ display: grid; gap: 10px; grid-template-columns: repeat(auto-fill, minmax(var(--side), 1fr)) }}
.pairs {{ display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)) }}
.pairs > div {{ display: grid; grid-template-columns: 1fr 1fr; gap: 3px }}
.pairs figcaption {{ grid-column: 1 / 3 }} .pairs > div > p {{ grid-column: 1 / 3; margin: 0 }}
.charts {{ display: grid; gap: 1em; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)) }}
figure {{ margin: 0; min-width: 0 }} svg, img {{ width: 100%; height: auto; display: block }}
img.tiny {{ image-rendering: pixelated }}
figcaption, .caption {{ color: {FAINT}; font-size: 12px; overflow-wrap: anywhere }}
ul {{ margin: .4em 0; padding-left: 1.2em; max-width: 70em }} code {{ font-size: 13px; overflow-wrap: anywhere }}
"""
# Nothing may be loaded, not even by a file name that slipped through: pictures are inside, scripts are refused.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, sections: Mapping[str, str]) -> str:
    """Return a whole page.

    Args:
        title: plain text.
        sections: heading (plain text) to HTML; empty ones are left out.
    """
    body = "".join(f"<h2>{escaped(name)}</h2>{content}" for name, content in sections.items() if content)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escaped(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><h1>{escaped(title)}</h1>{body}</body></html>\n"
    )


def escaped(text: object) -> str:
    """Return any text as HTML, without control characters."""
    return html.escape("".join(sign for sign in str(text) if sign.isprintable() or sign == "\n"))


def facts_table(rows: Iterable[tuple[str, Any]]) -> str:
    """Return names and values as a table; empty values are left out."""
    found = [(name, value) for name, value in rows if value not in (None, "", {}, [])]
    cells = "".join(f"<tr><td>{escaped(name)}</td><td>{escaped(value)}</td></tr>" for name, value in found)
    return f'<table class="plain">{cells}</table>' if cells else ""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, classes: Sequence[str] = ()) -> str:
    """Return a table of cells that are HTML already.

    Args:
        headings: plain text.
        rows: of cells.
        classes: of the columns' cells.
    """
    head = "".join(f"<th>{escaped(name)}</th>" for name in headings)
    kinds = [*classes, *[""] * (len(headings) - len(classes))]
    body = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>' if body else ""


def bullets(texts: Iterable[str]) -> str:
    """Return plain texts as a list."""
    items = "".join(f"<li>{escaped(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def paragraph(text: str) -> str:
    """Return plain text as a paragraph."""
    return f"<p>{escaped(text)}</p>" if text else ""


def shown_place(value: object) -> str:
    """Return a place as pages name it: of an absolute path the last part only, as pages are passed on."""
    text = "" if value is None else str(value)
    return f".../{Path(text).name}" if Path(text).is_absolute() else text


@dataclass
class Figures:
    """Embeds pictures until a page is large enough.

    Attributes:
        left: bytes that may still be used.
    """

    left: int = field(default=MOST_BYTES)

    def image(self, picture: Tensor, *, side: int = LARGEST_SIDE, alt: str = "") -> str:
        """Return an `img`, or nothing if the page is full.

        Args:
            picture: uint8 (3, H, W).
            side: the longer side is shrunk to it; small pictures are kept as they are, and shown without smoothing.
            alt: what it shows.
        """
        shrunk = Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())
        tiny = max(shrunk.size) <= 128
        if max(shrunk.size) > side:
            shrunk.thumbnail((side, side), Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        shrunk.save(stream, "WEBP", **({"lossless": True} if tiny else {"quality": 82}))
        data = stream.getvalue()
        if len(data) > self.left:
            return ""
        self.left -= len(data)
        kind = ' class="tiny"' if tiny else ""
        return f'<img{kind} alt="{escaped(alt)}" src="data:image/webp;base64,{base64.b64encode(data).decode()}">'

    def figure(self, picture: Tensor, caption: str = "", *, side: int = LARGEST_SIDE) -> str:
        """Return a picture with a caption, or nothing if the page is full."""
        image = self.image(picture, side=side, alt=caption)
        text = f"<figcaption>{escaped(caption)}</figcaption>" if caption else ""
        return f"<figure>{image}{text}</figure>" if image else ""


def grid(figures: Iterable[str], *, side: int = 110) -> str:
    """Return figures side by side, each at least so many pixels wide."""
    found = [figure for figure in figures if figure]
    return f'<div class="grid" style="--side:{side}px">{"".join(found)}</div>' if found else ""


def pair_grid(pairs: Iterable[tuple[str, str, str]]) -> str:
    """Return pairs of figures side by side, each under a plain text."""
    found = [f'<div><p class="caption">{escaped(text)}</p>{one}{two}</div>' for text, one, two in pairs if one and two]
    return f'<div class="pairs">{"".join(found)}</div>' if found else ""
