"""Where downloaded data sets are kept. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def datasets_folder() -> Path:
    """Return `datasets/` in ganstyle's own folder: GANSTYLE_HOME, or the system's place for user data."""
    home = os.environ.get("GANSTYLE_HOME")
    return (Path(home) if home else Path(platformdirs.user_data_dir("ganstyle", appauthor=False))) / "datasets"
