"""Make the embedded pictures from the source collections, with a provenance entry for each file.

    python docs/make_embedded.py SOURCES

SOURCES is a folder that holds `masters/` with `masters_sources.json`, `paintings/hiroshige/` with
`paintings/hiroshige_sources.json`, and `photos_kodak/`; the repositories and commits they came from are named in
`embedded/PROVENANCE.json`. Only files marked "Public domain" or "CC0" and the free Kodak photographs are taken.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image

PAINTING_SIDE, PAINTING_QUALITY = 400, 85
PHOTO_SIDE, PHOTO_QUALITY = 768, 90
FREE = {"Public domain", "CC0"}

# Style folder to the artist's folder of the source.
ARTISTS = {
    "cezanne": "paul_cezanne",
    "hokusai": "katsushika_hokusai",
    "monet": "claude_monet",
    "renoir": "pierre_auguste_renoir",
    "seurat": "georges_seurat",
    "turner": "j_m_w_turner",
    "van_gogh": "vincent_van_gogh",
}
STATIONS = 24  # of the 45 prints, evenly spread over the road

KODAK = {
    "title": "Kodak Lossless True Color Image Suite, picture {number}",
    "artist": "Eastman Kodak Company",
    "year": "c. 1992",
    "licence": "released for unrestricted usage",
    "licence_basis": 'the source states: "it is my understanding they have been released by the Eastman Kodak Company '
    'for unrestricted usage"',
    "from_repository": "github.com/MohamedBakrAli/Kodak-Lossless-True-Color-Image-Suite",
    "from_commit": "dd2e1105fe8d9afe1120cd7e4c0e5e41f509a81b",
}


def main(sources: Path, target: Path) -> None:
    """Write `paintings/`, `photos/` and `PROVENANCE.json` below target, replacing what is there."""
    for part in ("paintings", "photos"):
        shutil.rmtree(target / part, ignore_errors=True)
    files = [*_masters(sources, target), *_stations(sources, target), *_photos(sources, target)]
    document = {"schema": 1, "files": sorted(files, key=lambda entry: entry["file"])}
    (target / "PROVENANCE.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _masters(sources: Path, target: Path) -> list[dict[str, Any]]:
    known = json.loads((sources / "masters_sources.json").read_text(encoding="utf-8"))
    entries = []
    for style, artist in ARTISTS.items():
        for source in known:
            if source["file"].startswith(artist + "/") and source["license"] in FREE:
                name = f"paintings/{style}/{source['slug']}.jpg"
                changes = _shrink(sources / "masters" / source["file"], target / name, PAINTING_SIDE, PAINTING_QUALITY)
                entries.append(_entry(target, name, source, changes, title=source["title"], year=source["year"]))
    return entries


def _stations(sources: Path, target: Path) -> list[dict[str, Any]]:
    folder = sources / "paintings"
    known = json.loads((folder / "hiroshige_sources.json").read_text(encoding="utf-8"))
    known = sorted((source for source in known if source["license"] in FREE), key=lambda source: source["file"])
    entries = []
    for number in range(STATIONS):
        source = known[number * len(known) // STATIONS]
        name = f"paintings/hiroshige/{source['file']}"
        changes = _shrink(folder / "hiroshige" / source["file"], target / name, PAINTING_SIDE, PAINTING_QUALITY)
        title = source["commons_title"].removeprefix("File:").rsplit(".", 1)[0]
        entries.append(_entry(target, name, source, changes, title=title, year="c. 1833-1834"))
    return entries


def _photos(sources: Path, target: Path) -> list[dict[str, Any]]:
    entries = []
    for path in sorted((sources / "photos_kodak").glob("*.png")):
        name = f"photos/{path.stem}.jpg"
        changes = _shrink(path, target / name, PHOTO_SIDE, PHOTO_QUALITY)
        text = {**KODAK, "title": KODAK["title"].format(number=int(path.stem[-2:]))}
        from_path = f"PhotoCD_PCD0992/{int(path.stem[-2:])}.png"
        entries.append({"file": name, **text, "from_path": from_path, **_identity(target / name), "changes": changes})
    return entries


def _shrink(source: Path, target: Path, side: int, quality: int) -> str:
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    before = picture.size
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.save(target, quality=quality, optimize=True)
    return f"resized from {before[0]}x{before[1]} to {picture.width}x{picture.height}, JPEG quality {quality}"


def _entry(target: Path, name: str, source: dict[str, Any], changes: str, *, title: str, year: str) -> dict[str, Any]:
    basis = source.get("license_basis") or f"stated per file on {source.get('commons_page', 'Wikimedia Commons')}"
    return {
        "file": name,
        "title": title,
        "artist": source["artist"],
        "year": year,
        "licence": source["license"],
        "licence_basis": basis,
        "from_repository": source["from_repository"],
        "from_commit": source["from_commit"],
        "from_path": source["from_path"],
        **_identity(target / name),
        "changes": f"{source['changes']}; then {changes}",
    }


def _identity(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parents[1] / "plugins/ganstyle_data/embedded")
