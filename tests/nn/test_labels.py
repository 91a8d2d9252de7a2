"""Labels beside latents and beside features: what enters, and that stored names stay."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganstyle.nn.labels import LatentInput, with_label


def test_without_labels_only_the_latents_enter():
    torch.manual_seed(0)
    network, z = LatentInput(z_dim=4, labels=0, outputs=6), torch.randn(3, 4)
    assert torch.equal(network.enter(z, None), z @ network.first.weight.T)
    assert set(network.state_dict()) == {"first.weight"} and network.style_weights().shape == (6, 4)


def test_a_labels_vector_enters_beside_the_latents_by_columns_of_its_own():
    torch.manual_seed(0)
    network, z, labels = LatentInput(z_dim=4, labels=2, outputs=6), torch.randn(3, 4), torch.tensor([1, 0, 1])
    columns = network.first.weight[:, 4:]
    expected = z @ network.style_weights().T + network.embedding.weight[labels] @ columns.T
    torch.testing.assert_close(network.enter(z, labels), expected)
    assert set(network.state_dict()) == {"embedding.weight", "first.weight"}


@pytest.mark.parametrize("places", [1, 5])
def test_a_label_adds_its_product_with_the_mean_features_to_every_logit(places):
    torch.manual_seed(0)
    logits, features, embedding = torch.randn(2, places), torch.randn(2, 3, 4, 4), nn.Embedding(2, 3)
    labels = torch.tensor([1, 0])
    found = with_label(logits, features, embedding=embedding, labels=labels)
    for row, label in enumerate(labels.tolist()):
        added = sum((embedding.weight[label, c] * features[row, c].mean()).item() for c in range(3))
        assert torch.allclose(found[row] - logits[row], torch.full((places,), added), atol=1e-6)


def test_without_labels_logits_are_left_as_they_are():
    logits = torch.randn(2, 1)
    assert with_label(logits, torch.randn(2, 3, 4, 4), embedding=None, labels=None) is logits
