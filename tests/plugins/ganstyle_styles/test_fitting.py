"""Fitting a code: the loss falls, the generator stays, equal seeds agree."""

from __future__ import annotations

import pytest
import torch
from ganstyle_styles.fitting import FitOptions, fit_code

QUICK = FitOptions(batch=1, crop=48, short_side=(48.0, 64.0), lr=0.05)


@pytest.fixture(scope="module")
def works(pictures, as_bytes):
    return list(as_bytes(pictures(1, 80, 70, seed=5)))


@pytest.fixture(scope="module")
def photos(pictures, as_bytes):
    return list(as_bytes(pictures(2, 70, 80, seed=6)))


def test_the_loss_falls_and_the_generator_stays(networks, works, photos):
    stylizer = networks["stylizer"]
    before = {name: value.clone() for name, value in stylizer.state_dict().items()}
    losses = fit_code(stylizer, works, photos, steps=12, options=QUICK).losses
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])
    assert all(torch.equal(value, before[name]) for name, value in stylizer.state_dict().items())
    assert all(part.requires_grad and part.grad is None for part in stylizer.parameters())


def test_equal_seeds_give_equal_codes(still_stylizer, works, photos):
    first, again, other = (
        fit_code(still_stylizer, works, photos, steps=2, seed=seed, options=QUICK).code for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_no_steps_return_the_start(still_stylizer, works, photos):
    start = torch.randn(still_stylizer.code_length)
    assert torch.equal(fit_code(still_stylizer, works, photos, code=start, steps=0).code, start)
    encoded = fit_code(still_stylizer, works, photos, steps=0).code
    assert encoded.shape == start.shape


def test_the_stylizer_offers_it_with_progress(still_stylizer, works, photos):
    seen = []
    code = torch.zeros(still_stylizer.code_length)
    fitted = still_stylizer.fit(code, works, photos, steps=2, progress=lambda done, all_: seen.append((done, all_)))
    assert seen == [(1, 2), (2, 2)]
    assert 0 < float((fitted - code).abs().max()) < 0.1


def test_nothing_to_fit_is_refused(still_stylizer, works):
    with pytest.raises(ValueError, match="needs works and photos, got 1 and 0"):
        fit_code(still_stylizer, works, [])
