"""On a CUDA device: same values as on the CPU, and no loss waits for the device."""

import dataclasses

import pytest
import torch

from vireid.losses import (
    BatchHardTriplet,
    ClassMMD,
    CrossEntropy,
    FourWayHardTriplet,
    LossSum,
    SimilarityPreserving,
    WeightedRegularizedTriplet,
)

pytestmark = pytest.mark.gpu


def test_sum_equals_cpu_and_never_synchronises(inputs):
    objective = LossSum(
        [CrossEntropy(), FourWayHardTriplet(), SimilarityPreserving(), ClassMMD(), BatchHardTriplet(), WeightedRegularizedTriplet()]
    )
    moved = {name: getattr(inputs, name).cuda() for name in ("features", "embeddings", "logits", "labels")}
    moved["features"].requires_grad_()
    on_device = dataclasses.replace(inputs, **moved)
    objective(on_device)  # start the libraries
    torch.cuda.set_sync_debug_mode("error")
    try:
        total, _ = objective(on_device)
        total.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(total.detach().cpu(), objective(inputs)[0], rtol=1e-10, atol=0)
