"""The page of a study: one file with its pictures, its style and its script, which may load nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path

from ganstyle.study.design import Study

FOLDER = Path(__file__).parent


def study_page(study: Study) -> bytes:
    """Return the page as UTF-8.

    The content security policy names the hashes of the one script and the one style sheet: a file name or a question
    that slipped through as markup could neither run nor load anything. `connect-src 'self'` lets a page that
    `ganstyle study serve` serves send votes back; a page opened as a file has nobody to connect to.
    """
    style, script, template = (_text(name) for name in ("page.css", "page.js", "page.html"))
    policy = (
        f"default-src 'none'; img-src data:; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": html.escape(study.design.question),
        "style": style,
        "script": script,
        "data": in_script(study.model_dump_json()),
    }
    # One pass: a question that holds "{{script}}" stays what it is.
    page = re.sub(r"{{(\w+)}}", lambda found: parts[found[1]], template)
    return page.encode("utf-8", "backslashreplace")


def in_script(json_text: str) -> str:
    """Return JSON that can't end the script element it stands in, and means the same."""
    return json_text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
