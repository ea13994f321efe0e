"""Constants of the mixture are copied to the device once."""

from __future__ import annotations

import pytest
import torch

from tests.nn.norm.reference import batch, check, simplex, site
from vireid.nn.norm import constants


def test_constants_are_made_once_even_where_they_are_first_needed_in_inference(monkeypatch: pytest.MonkeyPatch) -> None:
    constants._kept.cache_clear()  # other tests need constants too
    first, second, x = site(), site(), batch()
    weights = simplex(5)
    for ours in (first, second):
        ours.set_mixture(weights)
    with torch.inference_mode():
        first.train()(x)
        first.eval()(x)
    first.train()(x).sum().backward()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("another copy to the device")

    monkeypatch.setattr("vireid.nn.norm.constants.torch.tensor", refuse)
    check(second.train(), x, weights)
    check(second.eval(), x, weights)
    second.n_visible = 0
    with pytest.raises(AssertionError, match="another copy"):
        second.train()(x)
