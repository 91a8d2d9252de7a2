"""Built-in GANs: architectures, adversarial losses, penalties and the task that trains them."""

from __future__ import annotations

from collections.abc import Iterable

from ganstyle.api import Architecture, Callback, Component, Loss, Regularizer, Task, hookimpl

ganstyle_api = 1

# Chosen by eye from seven short runs, one seed each, on 45 paintings (few images:
# small batches, more steps); the paper has 2e-4, batch 128, no augmentation.
# Channels-last: 1.3 (batch 16) and 1.75 (batch 32) times the pictures per CPU-second at 64 pixels, on a busy machine.
_DCGAN_RECIPE = {
    "optimizer.lr": 3e-4,
    "optimizer.betas": [0.5, 0.999],
    "optimizer.schedule": "cosine",
    "train.batch": 8,
    "train.memory_format": "channels_last",
    "task.augment": ["translation", "cutout"],
    "task.share_fakes": True,  # a seventh less time per step
}

# The paper: lr .0025 at batch 64 and noise in every layer; arXiv:2006.06676: gamma 0.0002 height^2 / batch, here .01.
# Short runs on characters at 32 pixels, batch 16, by eye, one seed each: up to gamma .3 D swings, and G answers with
# outlines drawn several times over and no faces, at rates of .001 to .01; another D (r3gan's) gave faces
# with the same G, so did gamma 3 with this one. D's equalised weights move slowly at few steps: four times G's rate
# gave more variety, twelve times noise. With noise, G fakes the sharpness it lacks by speckles. ADA does nothing unless
# D overfits, for 2 % of a step.
# Channels-last: 1.08 times the pictures per CPU-second at 32 pixels (53 to 50, one thread), 1.3 times at 64 (17 to 13).
_STYLEGAN2_RECIPE = {
    "arch.noise": False,
    "arch.mixing": 0.5,
    "optimizer.lr": 2.5e-3,
    "optimizer.betas": [0.0, 0.99],
    "task.augment": ["ada"],
    "task.d_lr_factor": 4.0,
    "train.batch": 16,
    "train.memory_format": "channels_last",
    "loss": "bce",
    "regularizer": ["r1"],
    "regularizer.r1.gamma": "auto",
    "regularizer.r1.every": 4,
}

# The paper at 32 pixels: batch 512, gamma .05 to .005 (.5 to .05 for more varied pictures), betas (0, .9 to .99), EMA
# half-life up to 5M images, two blocks of 768 channels at each of four resolutions, lr 2e-4 to 5e-5; at 256 pixels
# gamma 150 to 15. Narrow networks want a higher rate: on CIFAR-10, 30,000 images, one seed, by eye, 2e-4 gave blurs
# at gamma .05 and .5, 1e-3 shapes. Raise gamma with the pixels.
_R3GAN_RECIPE = {
    "loss": "relativistic",
    "regularizer": {
        "r1": {"every": 1, "gamma": 0.05, "gamma_final": 0.01},
        "r2": {"every": 1, "gamma": 0.05, "gamma_final": 0.01},
    },
    "optimizer.lr": 1e-3,
    "optimizer.betas": [0.0, 0.99],
    "optimizer.schedule": "cosine",
    "optimizer.final_factor": 0.1,
    "train.batch": 32,
    "train.memory_format": "channels_last",
}

# As in the paper, but an eighth of its channels at 64 pixels, for CPUs.
_FASTGAN_RECIPE = {
    "loss": "hinge",
    "task.augment": ["color", "translation", "cutout"],
    "optimizer.lr": 2e-4,
    "optimizer.betas": [0.5, 0.999],
    "train.batch": 8,
    "train.memory_format": "channels_last",
}

# The paper's: hinge, DiffAugment, no penalty on gradients; 2e-4 and (0, .99) for both players at batch 64. At batch 8
# (dcgan, 200 characters of 64 pixels, one seed each) D with G's rate, 3e-4, was right about every picture after 50
# steps, and 400 steps made saturated blobs; with 2e-4 and a fifth of it for D that took 150 steps. Neither is a result.
_PROJECTED_RECIPE = {
    "loss": "hinge",
    "regularizer": [],
    "task.augment": ["color", "translation", "cutout"],
    "task.d_lr_factor": 0.2,
}


@hookimpl
def ganstyle_components() -> Iterable[Component]:
    """Yield the components."""
    yield Architecture(
        "dcgan",
        "Deep convolutional GAN, the simplest; 16 to 256 pixels, square or not.",
        "ganstyle_gans.dcgan:build_dcgan",
        "arXiv:1511.06434",
        recipe=_DCGAN_RECIPE,
    )
    yield Architecture(
        "progan",
        "Progressively growing GAN; 16 to 1024 pixels, square or not.",
        "ganstyle_gans.progan:build_progan",
        "arXiv:1710.10196",
        recipe={
            "optimizer.lr": 1e-3,
            "optimizer.betas": [0.0, 0.99],
            "train.batch": 16,
            "loss": "wgan",
            "regularizer": ["gradient_penalty", "drift"],
        },
    )
    yield Architecture(
        "stylegan2",
        "Style codes for every layer: mixing, truncation, editing; 16 to 1024 pixels, square or not.",
        "ganstyle_gans.stylegan2:build_stylegan2",
        "arXiv:1912.04958",
        recipe=_STYLEGAN2_RECIPE,
    )
    yield Architecture(
        "r3gan",
        "Residual and unnormalised, relativistic with R1 and R2: the modern default; 16 to 256 pixels, square or not.",
        "ganstyle_gans.r3gan:build_r3gan",
        "arXiv:2501.05441",
        recipe=_R3GAN_RECIPE,
    )
    yield Architecture(
        "fastgan",
        "For 10 to 2,000 pictures: D rebuilds what it judges; 16 to 1024 pixels, square or not.",
        "ganstyle_gans.fastgan:build_fastgan",
        "arXiv:2101.04775",
        recipe=_FASTGAN_RECIPE,
    )
    yield Architecture(
        "projected",
        "Only a discriminator, on frozen EfficientNet-Lite0 features, for --set discriminator=projected; never judge"
        " such a run by efficientnet_lite0 metrics; collapses on tiny sets.",
        "ganstyle_gans.projected:build_projected",
        "arXiv:2111.01007",
        recipe=_PROJECTED_RECIPE,
    )
    yield from _losses()
    yield from _regularizers()
    yield Callback("tensorboard", "Scalars for TensorBoard, an extra.", "ganstyle_gans.tensorboard_log:TensorBoardLog")
    yield Task("gan", "A generator against a discriminator.", "ganstyle_gans.task:GanTask", "arXiv:1406.2661")


def _losses() -> Iterable[Component]:
    yield Loss("bce", "Cross-entropy, saturating or not.", "ganstyle_gans.losses:Bce", "arXiv:1406.2661")
    yield Loss(
        "lsgan", "Least squares, i.e. Euclidean, with labels a, b, c.", "ganstyle_gans.losses:Lsgan", "arXiv:1611.04076"
    )
    yield Loss("hinge", "Hinge on logits at +-1.", "ganstyle_gans.losses:Hinge", "arXiv:1802.05957")
    yield Loss("wgan", "Wasserstein; wants a gradient penalty.", "ganstyle_gans.losses:Wgan", "arXiv:1701.07875")
    yield Loss(
        "relativistic", "Real above fake, pair by pair.", "ganstyle_gans.losses:Relativistic", "arXiv:1807.00734"
    )


def _regularizers() -> Iterable[Component]:
    yield Regularizer("r1", "D's gradient at real pictures.", "ganstyle_gans.regularizers:R1", "arXiv:1801.04406")
    yield Regularizer("r2", "D's gradient at generated pictures.", "ganstyle_gans.regularizers:R2", "arXiv:1801.04406")
    yield Regularizer(
        "gradient_penalty",
        "Length of D's gradient between real and generated pictures.",
        "ganstyle_gans.regularizers:GradientPenalty",
        "arXiv:1704.00028",
    )
    yield Regularizer("drift", "Real logits near 0.", "ganstyle_gans.regularizers:Drift", "arXiv:1710.10196")
    yield Regularizer(
        "lecam", "Logits near the other side's average.", "ganstyle_gans.regularizers:Lecam", "arXiv:2104.03310"
    )
    yield Regularizer(
        "path_length",
        "Equal steps in G's code space change pictures equally.",
        "ganstyle_gans.regularizers:PathLength",
        "arXiv:1912.04958",
    )
