"""Names of the candidates of a normalisation."""

from __future__ import annotations

CANDIDATES = ("shared_bn", "separate_bn", "in", "ibn", "separate_ibn")
"""Candidate ids in the order of architecture parameters; ties go to the first."""
