"""Running statistics that some batches have no share in."""

import pytest
import torch
from torch import nn

from vireid.nn.norm.batch_norm import update_running


@pytest.mark.parametrize("momentum", [0.1, None])
def test_batches_without_a_share_leave_no_trace(momentum: float | None) -> None:
    batches = torch.randn(5, 8, 3, 2, 2, dtype=torch.float64)
    bn, expected = (nn.BatchNorm2d(3, momentum=momentum).double() for _ in range(2))
    for batch, share in zip(batches, (0.0, 1.0, 0.0, 1.0, 1.0), strict=True):
        var, mean = torch.var_mean(batch, (0, 2, 3), correction=0)
        update_running(bn, mean, var, 32, torch.tensor(share))
        if share:
            expected(batch)
        assert int(bn.num_batches_tracked) == int(expected.num_batches_tracked)
        torch.testing.assert_close(bn.running_mean, expected.running_mean)
        torch.testing.assert_close(bn.running_var, expected.running_var)
