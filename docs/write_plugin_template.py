"""Write ganstyle/cli/plugin_template.json, which `ganstyle plugin new` fills in, from plugins/example."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "plugins" / "example"
TEMPLATE = ROOT / "ganstyle" / "cli" / "plugin_template.json"
SUFFIXES = {".md", ".py", ".toml"}


def template() -> str:
    """Return path to text of every file of the example plugin, as JSON."""
    files = sorted(path for path in EXAMPLE.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    return json.dumps({path.relative_to(EXAMPLE).as_posix(): path.read_text() for path in files}, indent=1) + "\n"


if __name__ == "__main__":
    TEMPLATE.write_text(template())
