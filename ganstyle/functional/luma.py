"""What red, green and blue weigh in the brightness of a pixel: two standards, each in one place. Imports no torch."""

from __future__ import annotations

REC_601 = (0.299, 0.587, 0.114)
"""ITU-R BT.601-7, section 2.5.1: of JPEG and of older screens; what styles are compared and strokes are cut by."""

REC_709 = (0.2126, 0.7152, 0.0722)
"""ITU-R BT.709-6, item 3.2: of today's screens, sRGB among them; what artefacts are measured by."""
