"""Options that belong to no component: how long, how fast, from what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from ganstyle.api import Options

LARGEST = 10**12  # of any count: beyond it, arithmetic overflows before anything useful happens


class TrainOptions(Options):
    """How long, how large, where; `train.*`."""

    images: Annotated[int, Field(ge=1, le=LARGEST, description="Budget: images shown to the networks.")] = 100_000
    batch: Annotated[int, Field(ge=1, le=LARGEST, description="Images per step.")] = 32
    micro_batch: Annotated[
        int | None,
        Field(ge=1, le=LARGEST, description="Images per pass; smaller needs less memory and sums to the same step."),
    ] = None
    resolution: Annotated[int, Field(ge=4, le=8192, description="Height in pixels.")] = 64
    width: Annotated[int | None, Field(ge=4, le=8192, description="Width in pixels; none is square.")] = None
    seed: Annotated[int, Field(ge=0, lt=2**63, description="Equal seeds give equal runs on a CPU.")] = 0
    device: Annotated[
        str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, cuda, cuda:N or mps.")
    ] = "auto"
    precision: Annotated[
        Literal["float32", "bfloat16", "float16"],
        Field(description="Of the networks' arithmetic; float16, with scaled losses, needs a GPU."),
    ] = "float32"
    compile: Annotated[bool, Field(description="Compile the networks that torch.compile can train; slow to start.")] = (
        False
    )
    threads: Annotated[int | None, Field(ge=1, le=4096, description="CPU threads; none is torch's choice.")] = None
    workers: Annotated[int, Field(ge=0, le=256, description="Processes that read images; 0 reads in this one.")] = 0
    ema_halflife_images: Annotated[
        int,
        Field(ge=0, le=LARGEST, description="Images after which the averaged generator has half forgotten; 0 is off."),
    ] = 10_000
    ema_ramp: Annotated[
        float, Field(ge=0, le=100, description="That half-life is at most this share of the images seen; 0 is off.")
    ] = 0.05
    log_every_steps: Annotated[int, Field(ge=1, le=LARGEST, description="Steps between lines of the log.")] = 20
    save_every_images: Annotated[int, Field(ge=1, le=LARGEST, description="Images between checkpoints.")] = 20_000
    preview_every_images: Annotated[int, Field(ge=1, le=LARGEST, description="Images between preview grids.")] = 10_000
    eval_every_images: Annotated[
        int | None, Field(ge=1, le=LARGEST, description="Images between scores by the section `metric`; none is off.")
    ] = None
    eval_images: Annotated[
        int, Field(ge=2, le=LARGEST, description="Pictures of each side, at most, in a score during training.")
    ] = 1000
    on_collapse: Annotated[
        Literal["warn", "stop", "rollback"],
        Field(
            description="What an alarm does: tell, end the run, or go back to the best checkpoint with half the rate "
            "and twice the gamma."
        ),
    ] = "warn"
    preview_count: Annotated[int, Field(ge=0, le=1024, description="Pictures in a preview grid; 0 is none.")] = 16
    keep: Annotated[int, Field(ge=2, le=LARGEST, description="Checkpoints kept; never fewer than two.")] = 3
    memory_format: Annotated[
        Literal["contiguous", "channels_last"],
        Field(description="Layout of image tensors; auto times both when a run starts, and keeps the faster."),
    ] = "contiguous"
    conditional: Annotated[bool, Field(description="Train with the labels of the data.")] = False
    rank_timeout_seconds: Annotated[
        float, Field(gt=0, le=86_400, description="Longest silence of a rank before the others end the run.")
    ] = 300.0
    data_licence: Annotated[
        str,
        Field(max_length=1000, description="Of the pictures, in words, for the model's card; else the data set's own."),
    ] = ""
    init_from: Annotated[
        str | None, Field(description="Run, checkpoint or model file whose weights a new run starts from.")
    ] = None


class OptimizerOptions(Options):
    """Adam for each phase; `optimizer.*`."""

    lr: Annotated[float, Field(gt=0, description="Learning rate.")] = 2e-4
    betas: Annotated[
        tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]],
        Field(description="Decay of the two running means."),
    ] = (0.5, 0.999)
    eps: Annotated[float, Field(gt=0, description="Added to the root of the second mean.")] = 1e-8
    schedule: Annotated[Literal["constant", "cosine", "linear"], Field(description="Course of the learning rate.")] = (
        "constant"
    )
    final_factor: Annotated[
        float, Field(ge=0, le=1, description="Share of lr left at the end of cosine or linear.")
    ] = 0.1
    warmup_images: Annotated[
        int, Field(ge=0, le=LARGEST, description="Images over which the rate rises from 0; 0 is no warm-up.")
    ] = 0
    final_beta2: Annotated[
        float | None, Field(ge=0, lt=1, description="The second decay at the end of the budget, along a cosine.")
    ] = None
    clip_norm: Annotated[float | None, Field(gt=0, description="Largest norm of a phase's gradient.")] = None


class PreprocessOptions(Options):
    """From a file to a training image; `preprocess.*`."""

    crop: Annotated[Literal["random", "center", "none"], Field(description="Which part is cut out.")] = "random"
    scale: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]],
        Field(description="Least and greatest share of the short side that a crop takes; [1, 1] is all of it."),
    ] = (0.8, 1.0)
    rotate_degrees: Annotated[float, Field(ge=0, le=180, description="Greatest random rotation.")] = 0.0
    flip: Annotated[bool, Field(description="Mirror every second image.")] = True


GROUPS: Mapping[str, type[Options]] = {
    "train": TrainOptions,
    "optimizer": OptimizerOptions,
    "preprocess": PreprocessOptions,
}
