"""The documented numbers of operations that steps start on ResNet-50."""

from __future__ import annotations

import pytest

from tests.counted_steps import CASES, counted, table


@pytest.mark.parametrize("case", CASES)
def test_steps_start_the_operations_of_the_table(case: str) -> None:
    """Two in a hundred are left to other versions of torch."""
    _, now, *fused = table()[case]
    found = counted(case)
    assert found.total == pytest.approx(now, rel=0.02), found.most_common(10)
    for expected in fused:
        found = counted(case, fused=True)
        assert found.total == pytest.approx(expected, rel=0.02), found.most_common(10)
