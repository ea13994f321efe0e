"""A comparison in words."""

from __future__ import annotations

from vireid.results.comparison import Comparison, Over

ALPHA = 0.05
COVERS: dict[Over, str] = {
    "people": "The test over people covers the choice of the people who are searched, not training: the same method trained with "
    "another seed may give the opposite result. To cover that, give several runs: vireid compare A1,A2,A3 B1,B2,B3.",
    "trials": "The test over trials covers the gallery draw only, neither the choice of queries nor training with another seed.",
    "runs": "The test over runs covers training with another seed (and the split, where runs are trials), run against run in the given "
    "order.",
}
MEND: dict[Over, str] = {
    "people": "",
    "trials": "Test both again: queries.npz then holds what every query scored, and the test is over people.",
    "runs": "Name runs of different seeds.",
}


def verdict(found: Comparison, a: str = "A", b: str = "B") -> str:
    """One sentence about a difference of mAP.

    Args:
        found: comparison of mAP.
        a, b: names of the two sides.
    """
    test = found.evidence.test
    difference = test.difference if test else found.a - found.b
    points = f"{100 * abs(difference):.2f} points of mAP"
    if test is None:
        return f"no verdict: {a} and {b} differ by {points}, but {found.evidence.untested}. {MEND[found.evidence.over]}".rstrip()
    if test.p_value < ALPHA:
        return f"{a if difference > 0 else b} is better by {points} ({in_words(test.p_value)})."
    if test.smallest_p >= ALPHA:
        why = f"with {found.units} p is never below {test.smallest_p:.2g}"
        return f"within noise, as any difference would be ({why}): {a} and {b} differ by {points}."
    return f"within noise: {a} and {b} differ by {points} ({in_words(test.p_value)})."


def in_words(p_value: float) -> str:
    """``p = 0.012``, or ``p < 0.001``."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
