"""The transformer against torchvision's and torch's own, with random weights under the published names."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics import cmmd, dinov2
from ganstyle_metrics.vision_transformer import Shape, VisionTransformer, load_published, quick_gelu
from torch import nn
from torch.nn import functional as F
from torchvision.models.vision_transformer import VisionTransformer as TorchvisionTransformer

from ganstyle.errors import ModelError

SMALL = Shape(patch=14, grid=3, width=24, depth=2, heads=4, scaled=True)
SMALL_CLIP = Shape(patch=14, grid=3, width=24, depth=2, heads=4, epsilon=1e-5, gelu=quick_gelu, norm_first=True, out=10)


def randomised(network, seed=0):
    """Every parameter random, so that none can be forgotten without notice."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.parameters():
            value.normal_(std=0.2, generator=generator)
    return network.eval()


def images(side, seed=1):
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(seed))


def published_dinov2(ours):
    """Tensors of a network of ours under the names of DINOv2's file."""
    names = {"class_token": "cls_token", "positions": "pos_embed"}
    state = {}
    for name, value in ours.state_dict().items():
        if name.startswith("blocks."):
            _, number, part, *rest = name.split(".")
            inner = {"qkv": "attn.qkv", "proj": "attn.proj", "fc1": "mlp.fc1", "fc2": "mlp.fc2"}
            scales = {"scale1": "ls1.gamma", "scale2": "ls2.gamma"}
            name = ".".join(["blocks", number, inner.get(part, scales.get(part, part)), *rest])
        state[names.get(name, name.replace("patches.", "patch_embed.proj."))] = value
    return state | {"mask_token": torch.zeros(1, 24)}


def published_clip(ours):
    """Tensors of a network of ours under the names of the CLIP file, with parts of the text tower."""
    vision = "vision_model."
    state = {"logit_scale": torch.zeros(()), "text_model.embeddings.position_ids": torch.zeros(1, 77, dtype=torch.long)}
    plain = {"patches.weight": "embeddings.patch_embedding.weight", "out.weight": None}
    for name, value in ours.state_dict().items():
        if name == "class_token":
            state[vision + "embeddings.class_embedding"] = value[0, 0]
        elif name == "positions":
            state[vision + "embeddings.position_embedding.weight"] = value[0]
        elif name == "out.weight":
            state["visual_projection.weight"] = value
        elif name in plain:
            state[vision + plain[name]] = value
        elif name.startswith("blocks."):
            _, number, part, kind = name.split(".")
            layer = f"{vision}encoder.layers.{number}."
            if part == "qkv":
                for letter, piece in zip("qkv", value.chunk(3), strict=True):
                    state[f"{layer}self_attn.{letter}_proj.{kind}"] = piece
            else:
                inner = {"proj": "self_attn.out_proj", "fc1": "mlp.fc1", "fc2": "mlp.fc2"}
                state[f"{layer}{inner.get(part, part.replace('norm', 'layer_norm'))}.{kind}"] = value
        else:
            state[vision + name.replace("first_norm", "pre_layrnorm").replace("norm.", "post_layernorm.", 1)] = value
    return {name.replace("pre_layrpost_layernorm.", "pre_layrnorm."): value for name, value in state.items()}


def test_dinov2_form_equals_torchvisions_transformer():
    peer = randomised(TorchvisionTransformer(42, 14, 2, 4, 24, 96))
    peer.heads = nn.Identity()
    ours = VisionTransformer(SMALL).eval()
    theirs = peer.state_dict()
    state = {
        "patches.weight": theirs["conv_proj.weight"],
        "patches.bias": theirs["conv_proj.bias"],
        "class_token": theirs["class_token"],
        "positions": theirs["encoder.pos_embedding"],
        "norm.weight": theirs["encoder.ln.weight"],
        "norm.bias": theirs["encoder.ln.bias"],
    }
    parts = {
        "norm1": "ln_1",
        "norm2": "ln_2",
        "qkv": "self_attention.in_proj_",
        "proj": "self_attention.out_proj",
        "fc1": "mlp.0",
        "fc2": "mlp.3",
    }
    for number in range(2):
        layer = f"encoder.layers.encoder_layer_{number}."
        for part, other in parts.items():
            for kind in ("weight", "bias"):
                name = layer + other + (kind if other.endswith("_") else f".{kind}")
                state[f"blocks.{number}.{part}.{kind}"] = theirs[name]
        state |= {f"blocks.{number}.scale{one}": torch.ones(24) for one in (1, 2)}
    ours.load_state_dict(state)
    torch.testing.assert_close(ours(images(42)), peer(images(42)), rtol=1e-4, atol=1e-5)


def test_clip_form_equals_torchs_encoder_layers():
    ours = randomised(VisionTransformer(SMALL_CLIP))
    layers = [
        nn.TransformerEncoderLayer(24, 4, 96, 0.0, quick_gelu, 1e-5, batch_first=True, norm_first=True)
        for _ in range(2)
    ]
    for layer, block in zip(layers, ours.blocks, strict=True):
        layer.self_attn.in_proj_weight, layer.self_attn.in_proj_bias = block.qkv.weight, block.qkv.bias
        layer.self_attn.out_proj, layer.linear1, layer.linear2 = block.proj, block.fc1, block.fc2
        layer.norm1, layer.norm2 = block.norm1, block.norm2
        layer.eval()
    tokens = F.conv2d(images(42), ours.patches.weight, stride=14).flatten(2).transpose(1, 2)
    tokens = torch.cat([ours.class_token.expand(2, -1, -1), tokens], dim=1) + ours.positions
    peer = nn.Sequential(*layers)(ours.first_norm(tokens))[:, 0]
    torch.testing.assert_close(ours(images(42)), ours.norm(peer) @ ours.out.weight.T, rtol=1e-4, atol=1e-5)


def test_scaled_residuals_scale_what_a_block_adds():
    network = randomised(VisionTransformer(SMALL))
    block, tokens = network.blocks[0], torch.randn(1, 10, 24)
    with torch.no_grad():
        block.scale1.zero_()
        block.scale2.zero_()
    assert torch.equal(block(tokens), tokens)


def test_positions_are_resampled_for_other_sizes_only():
    network = randomised(VisionTransformer(SMALL))
    assert network.positions_for(3) is network.positions
    plane = network.positions[:, 1:].reshape(1, 3, 3, 24).permute(0, 3, 1, 2)
    expected = F.interpolate(plane, scale_factor=2.1 / 3, mode="bicubic").permute(0, 2, 3, 1).reshape(1, 4, 24)
    torch.testing.assert_close(network.positions_for(2)[:, 1:], expected)
    assert torch.equal(network.positions_for(2)[:, :1], network.positions[:, :1])
    assert network(images(28)).shape == (2, 24)


@pytest.mark.parametrize("kind", ["dinov2", "clip"])
def test_published_names_become_ours(kind):
    shape = SMALL if kind == "dinov2" else SMALL_CLIP
    ours = randomised(VisionTransformer(shape))
    state = published_dinov2(ours) if kind == "dinov2" else cmmd.joined(published_clip(ours))
    names = dinov2.NAMES if kind == "dinov2" else cmmd.NAMES
    loaded = load_published(shape, state, names=names, title="a test")
    assert torch.equal(loaded(images(42)), ours(images(42)))
    assert not any(value.requires_grad for value in loaded.parameters())


def test_other_weights_are_refused_in_one_sentence():
    state = published_dinov2(randomised(VisionTransformer(SMALL)))
    for wrong in ({}, {**state, "extra": torch.zeros(1)}, {**state, "cls_token": torch.zeros(1, 1, 5)}):
        with pytest.raises(ModelError, match="not the weights of a test"):
            load_published(SMALL, wrong, names=dinov2.NAMES, title="a test")
    clip = published_clip(randomised(VisionTransformer(SMALL_CLIP)))
    del clip["vision_model.encoder.layers.1.self_attn.k_proj.bias"]
    with pytest.raises(ModelError, match="not the weights of CLIP"):
        cmmd.joined(clip)


def test_published_shapes_have_the_published_numbers_of_parameters():
    with torch.device("meta"):
        large = VisionTransformer(dinov2.VIT_L14), VisionTransformer(cmmd.CLIP_L14)
    counts = [sum(value.numel() for value in network.parameters()) for network in large]
    # DINOv2's file: 1,217,586,395 bytes of float32 with a mask token of 1,024; CLIP's vision tower and projection.
    assert counts[0] == 304_367_616 and abs(4 * (counts[0] + 1024) - 1_217_586_395) < 200_000
    assert counts[1] == 304_293_888
