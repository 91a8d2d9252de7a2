"""What a file is, from its first bytes: never from its extension."""

from __future__ import annotations

from dataclasses import dataclass

HEAD_BYTES = 512

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"v/1\x01", "EXR"),
    (b"#?RADIANCE", "HDR"),
    (b"#?RGBE", "HDR"),
    (b"\xff\x0a", "JXL"),
    (b"\0\0\0\x0cJXL ", "JXL"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"IIRO", "RAW"),
    (b"IIU\0", "RAW"),
    (b"8BPS", "PSD"),
    (b"%PDF", "PDF"),
    (b"%!PS", "EPS"),
    (b"SIMPLE  =", "FITS"),
    (b"PK\x03\x04", "ZIP"),
    (b"PK\x05\x06", "ZIP"),
    (b"\x1f\x8b", "GZIP"),
    (b"7z\xbc\xaf", "7Z"),
    (b"\x1a\x45\xdf\xa3", "VIDEO"),
    (b"BM", "BMP"),
)

# What Pillow is allowed to try; its JPEG reader also takes MPO, a JPEG with further pictures behind it.
READABLE = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "PPM")


@dataclass(frozen=True)
class Refusal:
    """Why a kind of file can't be read, and what to do."""

    reason: str
    hint: str


_SAVE_AS = "save it as PNG or JPEG first"
REFUSALS: dict[str, Refusal] = {
    "EMPTY": Refusal("is empty (0 bytes)", "copy or download it again"),
    "HTML": Refusal("is an HTML page, not an image", "the download probably failed: fetch the image itself"),
    "JSON": Refusal("is a JSON text, not an image", "the download probably failed: fetch the image itself"),
    "SVG": Refusal("is an SVG drawing, which has no pixels", "export it as PNG first"),
    "XML": Refusal("is an XML text, not an image", "fetch the image itself"),
    "HEIC": Refusal("is a HEIC file; HEIC support is not installed", "pip install pillow-heif"),
    "JXL": Refusal("is a JPEG XL file, which is not supported", _SAVE_AS),
    "EXR": Refusal("is an OpenEXR file with scene-linear light, which needs tone mapping", _SAVE_AS),
    "HDR": Refusal("is a Radiance HDR file with scene-linear light, which needs tone mapping", _SAVE_AS),
    "RAW": Refusal("is a camera RAW file, which needs developing", "export it as JPEG or TIFF with a RAW converter"),
    "PSD": Refusal("is a Photoshop document", _SAVE_AS),
    "PDF": Refusal("is a PDF document", "export the page as PNG first"),
    "EPS": Refusal("is a PostScript file", "export it as PNG first"),
    "FITS": Refusal("is a FITS file", _SAVE_AS),
    "ZIP": Refusal("is a zip archive, not an image", "use it as a data set: --data FILE.zip"),
    "GZIP": Refusal("is a gzip archive, not an image", "unpack it first"),
    "7Z": Refusal("is a 7z archive, not an image", "unpack it first"),
    "VIDEO": Refusal("is a video, not an image", "extract its frames first"),
    "UNKNOWN": Refusal("is not an image that ganstyle knows", "known: " + ", ".join(READABLE)),
}

_RAW_SUFFIXES = {".dng", ".nef", ".arw", ".cr2", ".cr3", ".orf", ".rw2", ".pef", ".srw", ".raf"}


def sniff(head: bytes, *, suffix: str = "") -> str:
    """Return a name out of `READABLE` or a key of `REFUSALS`.

    Args:
        head: the first `HEAD_BYTES` bytes, fewer if the file is shorter.
        suffix: file extension with its dot, lower case; tells camera RAW files, which are TIFF inside, from TIFF.
    """
    if not head:
        return "EMPTY"
    kind = _by_signature(head) or _by_container(head) or _by_text(head) or "UNKNOWN"
    if kind == "TIFF" and (suffix in _RAW_SUFFIXES or head[8:10] == b"CR"):
        return "RAW"
    return kind


def _by_signature(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    return next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), None)


def _by_container(head: bytes) -> str | None:
    """Tell the ISO media files apart by the brands of their first box."""
    if head[4:8] != b"ftyp":
        return None
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[at : at + 4] for at in (8, *range(16, length - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}:
        return "HEIC"
    return "RAW" if b"crx " in brands else "VIDEO"


def _by_text(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return "HTML"
    if text.startswith((b"<?xml", b"<svg", b"<!doctype svg", b"<!--")):
        return "SVG" if b"<svg" in text or b"doctype svg" in text else "HTML" if b"<html" in text else "XML"
    return "JSON" if text.startswith((b"{", b"[")) else None
