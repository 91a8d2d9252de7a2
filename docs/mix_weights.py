"""Average the weights of models that began as one: python docs/mix_weights.py OUT MODEL=SHARE MODEL=SHARE ...

The card is that of the first model, with `--card KEY=TEXT` changed; write it in half precision by
`ganstyle model export OUT FINAL --half`. Source: Wortsman et al. 2022 (arXiv:2203.05482, arXiv:2109.01903).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file


def mixed(models: dict[Path, float]) -> dict[str, torch.Tensor]:
    """Return the weighted mean of every tensor, float32; shares need not sum to 1."""
    whole, found = sum(models.values()), dict[str, torch.Tensor]()
    for path, share in models.items():
        with safe_open(path, "pt") as file:
            for name in file.keys():
                found[name] = found.get(name, 0) + share / whole * file.get_tensor(name).float()
    return found


def main() -> None:
    """Write the average."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("models", nargs="+", help="MODEL=SHARE")
    parser.add_argument("--card", nargs="*", default=[], help="KEY=VALUE, JSON")
    options = parser.parse_args()
    models = {Path(path): float(share) for path, _, share in (text.rpartition("=") for text in options.models)}
    with safe_open(next(iter(models)), "pt") as file:
        card = json.loads(file.metadata()["ganstyle"])
    card |= {key: json.loads(value) for key, _, value in (text.partition("=") for text in options.card)}
    save_file(mixed(models), options.out, metadata={"ganstyle": json.dumps(card)})


if __name__ == "__main__":
    main()
