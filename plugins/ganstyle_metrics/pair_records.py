"""Records of the metrics of pairs, styles and films. Imports no torch."""

from __future__ import annotations

from ganstyle.api import Evaluator

_SIMILARITY = "ganstyle_metrics.similarity"
_PERCEPTUAL = "ganstyle_metrics.perceptual"
_STYLED = "ganstyle_metrics.styled"
_CONTENT = "ganstyle_metrics.content"
_FILM = "ganstyle_metrics.film"

PAIR_METRICS = (
    Evaluator("ssim", "Structural similarity, 11 x 11 Gaussian window, RGB.", f"{_SIMILARITY}:build_ssim"),
    Evaluator("ms_ssim", "SSIM over five scales; sides above 160 pixels.", f"{_SIMILARITY}:build_ms_ssim"),
    Evaluator("psnr", "Peak signal-to-noise ratio in dB, mean over pictures.", f"{_SIMILARITY}:build_psnr"),
    Evaluator("lpips", "LPIPS v0.1: alex, vgg or squeeze.", f"{_PERCEPTUAL}:build_lpips", "arXiv:1801.03924"),
    Evaluator(
        "lpips_efficientnet",
        "LPIPS's formula on EfficientNet-Lite0 features; works offline, is not LPIPS.",
        f"{_PERCEPTUAL}:build_lpips_lite0",
        "arXiv:1801.03924",
    ),
    Evaluator("dists", "Structure and texture on VGG16 features.", f"{_PERCEPTUAL}:build_dists", "arXiv:2004.07728"),
    Evaluator("content_distance", "Layout that a painting lost.", f"{_CONTENT}:build_content_distance"),
    Evaluator("edge_artefacts", "Dots, borders, seams and halos, in dB.", f"{_CONTENT}:build_edge_artefacts"),
    Evaluator(
        "style_gram",
        "Distance of Gram matrices to the works of the style.",
        f"{_STYLED}:build_style_gram",
        "Gatys et al. 2016",
    ),
    Evaluator(
        "style_stats",
        "Distance of channel means and deviations to the works of the style.",
        f"{_STYLED}:build_style_stats",
        "arXiv:1703.06868",
    ),
    Evaluator(
        "style_fidelity",
        "How often the nearest of several styles is the intended one.",
        f"{_STYLED}:build_style_fidelity",
    ),
    Evaluator("colour_distance", "Distance of palettes to the works of the style.", f"{_STYLED}:build_colour_distance"),
    Evaluator(
        "artfid",
        "(1 + distance to contents) (1 + Fréchet distance to works); offline by default, not the paper's.",
        "ganstyle_metrics.artfid:build_artfid",
        "arXiv:2207.12280",
    ),
    Evaluator(
        "warp_error",
        "Film: error between frames along the source's motion.",
        f"{_FILM}:build_warp_error",
        "arXiv:1808.00449",
    ),
    Evaluator("flicker", "Film: change between frames beyond the source's.", f"{_FILM}:build_flicker"),
    Evaluator(
        "ppl",
        "How evenly pictures follow their latents; generators only. Offline by default, not the paper's.",
        "ganstyle_metrics.path_length:build_ppl",
        "arXiv:1812.04948",
    ),
)
