"""What is shipped is free, documented and small."""

from __future__ import annotations

import hashlib
import subprocess
import sys

from ganstyle.data.embedded import embedded_pictures, embedded_root, embedded_styles, provenance
from ganstyle.data.reading import read_image


def test_at_least_four_styles_have_several_paintings():
    counts = {style: len(embedded_pictures(style=style)) for style in embedded_styles()}
    assert sum(count >= 3 for count in counts.values()) >= 4
    assert {"hiroshige", "monet", "van_gogh", "hokusai"} <= set(counts)
    assert len(embedded_pictures()) == sum(counts.values()) >= 40


def test_there_are_photographs_large_enough_to_show_a_transfer():
    sizes = [tuple(read_image(path).shape[1:]) for path in embedded_pictures("photos")]
    assert len(sizes) >= 4 and all(max(size) >= 512 for size in sizes)


def test_everything_together_stays_small():
    assert sum(path.stat().st_size for path in embedded_root().rglob("*") if path.is_file()) < 3_000_000


def test_every_file_has_its_provenance_and_nothing_else_is_there():
    root = embedded_root()
    listed = {entry["file"]: entry for entry in provenance()}
    assert set(listed) == {path.relative_to(root).as_posix() for path in root.rglob("*.jpg")}
    for name, entry in listed.items():
        assert hashlib.sha256((root / name).read_bytes()).hexdigest() == entry["sha256"]
        assert all(entry[key] for key in ("title", "artist", "year", "licence", "licence_basis", "changes"))
        assert len(entry["from_commit"]) == 40 and entry["from_repository"] and entry["from_path"]


def test_only_free_works_are_shipped():
    free = {"Public domain", "CC0", "released for unrestricted usage"}
    assert {entry["licence"] for entry in provenance()} <= free
    assert all(entry["file"].startswith("photos/") == ("Kodak" in entry["artist"]) for entry in provenance())


def test_modules_that_commands_import_early_import_no_torch():
    modules = ", ".join(
        f"ganstyle.data.{name}" for name in ("embedded", "writing", "finding", "provenance", "locations")
    )
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
