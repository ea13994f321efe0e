"""The small finished test of ``tests/results``."""

from tests.results.conftest import tested

__all__ = ["tested"]
