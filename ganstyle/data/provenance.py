"""Machine-readable marks that say how a picture was made (XMP, IPTC digital source type; EU AI Act, Art. 50(2)).

Marks are text of an unknown author: what is read here is shown, never trusted. Imports no torch.
"""

from __future__ import annotations

import html
import importlib.metadata
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from PIL import Image

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = "trainedAlgorithmicMedia"
STYLISED = "compositeWithTrainedAlgorithmicMedia"
MAX_SETTINGS_BYTES = 48_000  # a JPEG segment takes 65 kB, with the rest of the packet

_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:ganstyle="urn:ganstyle:1"
 Iptc4xmpExt:DigitalSourceType="{source}"
 xmp:CreatorTool="{tool}"{settings}/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True)
class Marks:
    """What a picture says about its making; untrusted.

    Attributes:
        source_type: IPTC word, e.g. `"trainedAlgorithmicMedia"`; empty if there is none.
        tool: the program that made it; empty if unknown.
        settings: what `save_image` was given as provenance.
    """

    source_type: str = ""
    tool: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Tell whether ganstyle wrote the picture."""
        return self.tool.split(" ")[0] == "ganstyle"


def creator_tool() -> str:
    """Return `ganstyle` and its version."""
    try:
        return f"ganstyle {importlib.metadata.version('ganstyle')}"
    except importlib.metadata.PackageNotFoundError:
        return "ganstyle"


def settings_text(provenance: Mapping[str, Any] | None) -> str:
    """Return settings as one line of ASCII JSON without folders: a picture must not tell where it was made.

    Too long a text keeps only its short entries.
    """
    cleaned = _without_folders(dict(provenance or {}))
    text = json.dumps(cleaned, ensure_ascii=True, sort_keys=True, default=str)
    if len(text) > MAX_SETTINGS_BYTES:
        short = {key: value for key, value in cleaned.items() if len(json.dumps(value, default=str)) < 1000}
        text = json.dumps(dict(list(short.items())[:40]), ensure_ascii=True, sort_keys=True, default=str)
    return text


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_folders(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(item) for item in value]
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, str) and (PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute()):
        return PureWindowsPath(value).name  # splits at both separators
    return value


def xmp_packet(source_type: str, settings: str = "") -> bytes:
    """Return an XMP packet.

    Args:
        source_type: IPTC word.
        settings: JSON to be kept inside, for formats that have no other place.
    """
    entry = f'\n ganstyle:Settings="{html.escape(settings)}"' if settings else ""
    source = SOURCE_TYPES + html.escape(source_type)
    return _PACKET.format(source=source, tool=html.escape(creator_tool()), settings=entry).encode()


def read_marks(path: str | os.PathLike[str]) -> Marks:
    """Return the marks of a picture file; empty ones if there are none or the file can't be read."""
    try:
        if not Path(path).is_file():
            return Marks()
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "AVIF", "TIFF")) as image:
            packet, own = _packet_of(image), image.info.get("ganstyle")
    except Exception:  # damaged files are somebody else's concern
        return Marks()
    return _parsed(packet, own if isinstance(own, str) else "")


def _packet_of(image: Image.Image) -> str:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or getattr(image, "tag_v2", {}).get(700, b"")
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)


def _parsed(packet: str, own: str) -> Marks:
    # Patterns, not an XML parser: entity bombs find nothing to expand.
    source = re.search(r"digitalsourcetype/(\w{1,80})", packet)
    tool = re.search(r'CreatorTool(?:="|>)([^"<]{1,200})', packet)
    inside = re.search(r'ganstyle:Settings="([^"]{0,60000})"', packet)
    text = own or (html.unescape(inside.group(1)) if inside else "")
    return Marks(source.group(1) if source else "", html.unescape(tool.group(1)) if tool else "", _object(text))


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text and len(text) <= MAX_SETTINGS_BYTES else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
