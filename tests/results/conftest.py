"""A small finished test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.results.tested import FinishedTest, run_test


@pytest.fixture(scope="session")
def tested(sysu_root: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedTest:
    """Files of a test of an untrained network; do not change them."""
    return run_test(sysu_root, tmp_path_factory.mktemp("tested"))
