"""From Pillow's pixel modes to 8-bit sRGB arrays: depth, palettes, transparency, CMYK, colour profiles."""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8] | None, bool, list[str]]

_WITH_ALPHA = {"RGBA", "LA", "PA", "RGBa", "La"}
_GRAY = {"1", "L", "LA", "La", "I", "F"}
_HOW: Any = {
    "renderingIntent": ImageCms.Intent.RELATIVE_COLORIMETRIC,
    "flags": ImageCms.Flags.BLACKPOINTCOMPENSATION,
}
STRIP = 512  # rows


def to_arrays(image: Image.Image) -> Arrays:
    """Convert a loaded picture.

    Returns:
        rgb uint8 (H, W, 3); alpha uint8 (H, W) or None; whether it has no colour; notes on what was changed.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _from_numbers(image)
    notes: list[str] = []
    gray = image.mode in _GRAY
    alpha = None
    if image.mode in _WITH_ALPHA or image.has_transparency_data:
        image, alpha = _split_alpha(image, gray)
    if image.mode == "1":
        image = image.convert("L")
    if image.mode not in {"L", "RGB", "CMYK", "LAB"}:
        image = _converted(image, "RGB")
    rgb = np.asarray(_to_srgb(image, notes))
    return rgb, alpha, gray, notes


def oriented(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an array (H, W, ...) upright by its EXIF orientation; other numbers than 2 to 8 leave it as it is."""
    turns = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, 1),
    }
    return np.ascontiguousarray(turns.get(orientation, lambda a: a)(array))


def _converted(image: Image.Image, mode: str) -> Image.Image:
    """Convert and keep the colour profile, which `convert` may drop."""
    profile = image.info.get("icc_profile")
    result = image.convert(mode)
    if profile:
        result.info["icc_profile"] = profile
    return result


def _split_alpha(image: Image.Image, gray: bool) -> tuple[Image.Image, NDArray[np.uint8]]:
    rgba = _converted(image, "RGBA")
    alpha = np.asarray(rgba.getchannel("A"))
    return _converted(rgba, "L" if gray else "RGB"), alpha


def _from_numbers(image: Image.Image) -> Arrays:
    """Scale 16-bit, 32-bit and float grays; Pillow's own `convert` clips them to white or black."""
    values = np.asarray(image)
    notes: list[str] = []
    if image.mode == "F":
        levels = _from_float(values, notes)
    elif values.size and values.max() <= 65535 and values.min() >= 0:
        levels = (values.astype(np.uint32) + 128) // 257  # 65535 / 257 = 255
        notes.append("16 bits per channel reduced to 8")
    else:
        levels = _stretched(values.astype(np.float64), float(values.min()), float(values.max()))
        notes.append("32-bit integers stretched between their least and largest")
    transparent = image.info.get("transparency")
    alpha = np.where(values == transparent, 0, 255).astype(np.uint8) if isinstance(transparent, int) else None
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2), alpha, True, notes


def _from_float(values: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
    if not np.all(np.isfinite(values)):
        notes.append("values that are no numbers were replaced")
        known = values[np.isfinite(values)]
        finite = np.clip(finite, known.min() if known.size else 0.0, known.max() if known.size else 0.0)
    if finite.min() >= 0 and finite.max() <= 1:
        return np.rint(finite * 255)
    low, high = (float(edge) for edge in np.percentile(finite, (0.5, 99.5)))
    notes.append(f"float values stretched from [{low:.4g}, {high:.4g}]")
    return _stretched(finite, low, high)


def _stretched(values: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    return np.rint(np.clip((values - low) / max(high - low, 1e-12), 0, 1) * 255)


def _to_srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    data = image.info.get("icc_profile")
    if data:
        try:
            return _through_profile(image, data)
        except Exception:  # a broken profile is common and never worth losing the picture
            notes.append("a broken or unsuitable colour profile was ignored")
    if image.mode == "CMYK":
        notes.append("CMYK without a usable colour profile: colours are approximate")
    if image.mode == "LAB":
        return _transformed(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    return image.convert("RGB")


def _through_profile(image: Image.Image, data: bytes) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    if profile.profile.xcolor_space.strip() == "RGB" and image.mode != "CMYK":
        image = image.convert("RGB")
        if _is_srgb(profile):
            return image
    return _transformed(image, profile)


def in_profile(rgb: NDArray[np.uint8], icc: bytes) -> NDArray[np.uint8] | None:
    """Return sRGB pixels as the numbers of another colour profile, the way back of `to_arrays`.

    Args:
        rgb: uint8 (H, W, 3), sRGB.
        icc: a profile as files hold it.

    Returns:
        uint8 (H, W, 3), untouched if the profile is sRGB; None if it is broken or not for writing RGB.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space.strip() != "RGB":
            return None
        return rgb if _is_srgb(profile) else _moved(rgb, profile)
    except Exception:  # as in reading: a broken profile is never worth losing the picture
        return None


def _moved(rgb: NDArray[np.uint8], profile: ImageCms.ImageCmsProfile) -> NDArray[np.uint8]:
    # Strip by strip: whole copies of a picture of 100 megapixels, in Pillow's four bytes a pixel, are large.
    way = ImageCms.buildTransform(_srgb(), profile, "RGB", "RGB", **_HOW)
    result = np.empty_like(rgb)
    for top in range(0, len(rgb), STRIP):
        part = Image.fromarray(np.ascontiguousarray(rgb[top : top + STRIP]))
        result[top : top + STRIP] = np.asarray(ImageCms.applyTransform(part, way))
    return result


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    # By its colorants, not by its name: a name can lie, and an sRGB picture must pass bit for bit.
    ours = _srgb().profile
    theirs = profile.profile
    points = ("red_colorant", "green_colorant", "blue_colorant")
    pairs = [(getattr(ours, point), getattr(theirs, point)) for point in points]
    if any(one is None or other is None for one, other in pairs):
        return False
    near = all(np.allclose(one[0], other[0], atol=2e-3) for one, other in pairs)
    return near and _same_curve(profile)


def _same_curve(profile: ImageCms.ImageCmsProfile) -> bool:
    ramp = Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2))
    moved = np.asarray(_transformed(ramp, profile)).astype(int)
    return bool(np.abs(moved - np.asarray(ramp)).max() <= 2)


def _transformed(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    result = ImageCms.profileToProfile(image, profile, _srgb(), outputMode="RGB", **_HOW)
    if result is None:  # only with inPlace=True
        raise ValueError("no result")
    return result


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
