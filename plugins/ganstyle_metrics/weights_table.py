"""Every file of weights that a metric may need and that doesn't come with a package.

The hashes are those of public records: each is stated alike by several independent projects that pin the file.
"""

from __future__ import annotations

from ganstyle.data.weights import VGG16, WeightsFile

INCEPTION = WeightsFile(
    name="the Inception network of FID",
    files=("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth"),
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    size=95_628_359,
    licence="Apache-2.0",
    key="inception",
    users=("fid", "fid_infinity", "kid", "is"),
)
ALEXNET = WeightsFile(
    name="the AlexNet network of ImageNet",
    files=("alexnet-owt-7be5be79.pth",),
    url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    size=244_408_911,
    licence="BSD-3-Clause",
    key="alexnet",
    users=("lpips",),
)
SQUEEZENET = WeightsFile(
    name="the SqueezeNet 1.1 network of ImageNet",
    files=("squeezenet1_1-b8a52dc0.pth",),
    url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
    sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
    size=4_958_839,
    licence="BSD-3-Clause",
    key="squeezenet",
    users=("lpips",),
)
DINOV2 = WeightsFile(
    name="DINOv2 ViT-L/14",
    files=("dinov2_vitl14_pretrain.pth",),
    url="https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth",
    sha256="d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
    size=1_217_586_395,
    licence="Apache-2.0",
    key="dinov2",
    users=("fd_dinov2",),
)
CLIP = WeightsFile(
    name="CLIP ViT-L/14 at 336 pixels",
    files=("clip-vit-large-patch14-336.bin",),
    url="https://huggingface.co/openai/clip-vit-large-patch14-336/resolve/"
    "ce19dc912ca5cd21c8a653c79e251e808ccabcd1/pytorch_model.bin",
    sha256="c6032c2e0caae3dc2d4fba35535fa6307dbb49df59c7e182b1bc4b3329b81801",
    size=1_711_974_081,
    licence="MIT",
    key="clip",
    users=("cmmd",),
)
WEIGHTS_FILES = (INCEPTION, VGG16, ALEXNET, SQUEEZENET, DINOV2, CLIP)
"""What `ganstyle doctor` lists."""
