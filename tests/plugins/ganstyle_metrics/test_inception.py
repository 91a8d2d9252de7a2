"""Our Inception against torch-fidelity's, on the same random weights and real photographs."""

from __future__ import annotations

import ganstyle_metrics
import pytest
import torch
from ganstyle_metrics.inception import INCEPTION, Inception, InceptionOptions, inception_extractor
from torch.nn import functional as F
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganstyle.errors import EnvironmentProblem, ModelError
from ganstyle.testing import check_evaluator


@pytest.fixture(scope="module")
def peer(inception_file, photos):
    """torch-fidelity's pooled features and unbiased logits."""
    layers = ["2048", "logits_unbiased"]
    return FeatureExtractorInceptionV3("peer", layers, feature_extractor_weights_path=str(inception_file[0]))(photos)


def relative(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


def test_features_and_logits_equal_torch_fidelity(extractor, peer, photos):
    features = extractor(photos)
    assert relative(features, peer[0]) <= 1e-6
    assert relative(extractor.logits(features), peer[1]) <= 1e-6
    assert relative(features[0], features[1]) > 0.01  # the network does tell pictures apart


def test_pytorch_resize_feeds_what_pytorch_fid_feeds(inception_values, extractor, photos):
    other = inception_extractor(InceptionOptions(**inception_values, resize="pytorch"), "cpu")
    unit = F.interpolate(photos[:1] / 255, size=(299, 299), mode="bilinear", align_corners=False)
    with torch.inference_mode():
        expected = extractor.network(2 * unit - 1)
    assert relative(other(photos[:1]), expected) <= 1e-5
    assert other.key != extractor.key


def test_metrics_with_equal_options_share_one_network(inception_values, extractor):
    assert inception_extractor(InceptionOptions(**inception_values), "cpu") is extractor


def test_the_key_holds_resize_and_weights(extractor, inception_file):
    assert extractor.resize == "tf1 299"
    assert extractor.key.endswith(f"tf1 299:{inception_file[1]}")
    assert not extractor.standard


def test_other_weights_are_refused_unless_their_hash_is_given(inception_file):
    with pytest.raises(EnvironmentProblem, match=f"has sha256 {inception_file[1][:12]}") as caught:
        inception_extractor(InceptionOptions(weights=str(inception_file[0])), "cpu")
    assert INCEPTION.sha256 in caught.value.hint


def test_a_file_of_another_network_is_refused():
    with pytest.raises(ModelError, match="not the weights of the Inception network"):
        Inception({"a": torch.zeros(1)})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fid", "kid", "is"])
def test_metrics_on_inception_keep_the_contract(name, inception_values):
    [component] = [found for found in ganstyle_metrics.ganstyle_components() if found.name == name]
    check_evaluator(component, inception_values | ({"splits": 2} if name == "is" else {}))
