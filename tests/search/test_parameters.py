"""Rows of logits for sites, tied sites and sites with fewer candidates."""

import math

import pytest
import torch

from vireid.errors import SettingsError
from vireid.search import ArchitectureParameters, BNSeparation, RandomOneHot, RectifiedGumbel, Sigmoid, Site, Softmax
from vireid.structures import generator_for

PLAIN = [Site("a", ("x", "y")), Site("b", ("x", "y"))]
MIXED = [  # group g is the second to appear; b is short; the site named g is not in group g
    Site("a", ("x", "y", "z")),
    Site("b", ("x", "y"), group="g"),
    Site("c", ("x", "y", "z"), group="h"),
    Site("d", ("x", "y"), group="g"),
    Site("e", ("w",)),
    Site("f", ("x", "y", "z"), group="h"),
    Site("g", ("x", "y", "z")),
]


def mixed() -> ArchitectureParameters:
    """Logits log 1, log 2, ... of each row, where they exist; missing ones hold numbers that nothing may read."""
    parameters = ArchitectureParameters(MIXED)
    with torch.no_grad():
        parameters.logits.copy_(torch.arange(1.0, 16.0).reshape(5, 3).log().where(parameters.allowed, torch.tensor(99.0)))
    return parameters


def test_sites_without_groups_have_a_row_each() -> None:
    parameters = ArchitectureParameters(PLAIN)
    assert torch.equal(parameters.logits, torch.zeros(2, 2))
    assert list(parameters.state_dict()) == ["logits"]
    with torch.no_grad():
        parameters.logits.copy_(torch.tensor([[0.0, math.log(3)], [math.log(9), 0.0]]))
    torch.testing.assert_close(parameters.probabilities(), torch.tensor([[0.25, 0.75], [0.9, 0.1]]))
    torch.testing.assert_close(parameters.margin(), torch.tensor([0.5, 0.8]))
    expected = [-sum(p * math.log(p) for p in row) for row in ((0.25, 0.75), (0.9, 0.1))]
    assert parameters.entropy().tolist() == pytest.approx(expected)
    assert parameters.choices() == {"a": "y", "b": "x"}
    assert parameters.table() == {"a": pytest.approx([0.25, 0.75]), "b": pytest.approx([0.9, 0.1])}


def test_rows_follow_the_first_appearance_of_groups() -> None:
    parameters = mixed()
    assert parameters.groups == ("a", "g (group)", "h", "e", "g")
    assert parameters.candidates == (("x", "y", "z"), ("x", "y"), ("x", "y", "z"), ("w",), ("x", "y", "z"))
    assert parameters.expand(torch.arange(5)).tolist() == [0, 1, 2, 1, 3, 2, 4]
    assert parameters.allowed.tolist() == [[True] * 3, [True, True, False], [True] * 3, [True, False, False], [True] * 3]
    assert parameters.masked()[1].tolist()[2] == -math.inf


def test_numbers_by_site_and_group_ignore_missing_candidates() -> None:
    parameters = mixed()
    rows = [[1 / 6, 2 / 6, 3 / 6], [4 / 9, 5 / 9, 0.0], [7 / 24, 8 / 24, 9 / 24], [1.0, 0.0, 0.0], [13 / 42, 14 / 42, 15 / 42]]
    groups = torch.tensor(rows)
    torch.testing.assert_close(parameters.probabilities("group"), groups)
    torch.testing.assert_close(parameters.probabilities(), groups[[0, 1, 2, 1, 3, 2, 4]])
    entropies = [-sum(p * math.log(p) for p in row if p) for row in rows]
    assert parameters.entropy("group").tolist() == pytest.approx(entropies, abs=1e-6)
    assert parameters.entropy()[3].item() == pytest.approx(entropies[1])
    assert parameters.margin("group").tolist() == pytest.approx([1 / 6, 1 / 9, 1 / 24, 1.0, 1 / 42])
    assert parameters.table()["d"] == pytest.approx([4 / 9, 5 / 9])
    assert list(parameters.table("group")["e"]) == [1.0]
    assert parameters.choices() == {"a": "z", "b": "y", "c": "z", "d": "y", "e": "w", "f": "z", "g": "z"}


def test_tied_sites_add_up_their_gradients_and_missing_candidates_get_none() -> None:
    parameters = mixed()
    factors = torch.arange(21.0).reshape(7, 3) ** 2
    (parameters.expand(torch.softmax(parameters.masked(), -1)) * factors).sum().backward()
    gradient = parameters.logits.grad
    assert gradient is not None
    assert torch.isfinite(gradient).all()
    assert (gradient[~parameters.allowed] == 0).all()
    p = parameters.probabilities("group")[2].detach()
    both = factors[2] + factors[5]
    torch.testing.assert_close(gradient[2], p * (both - (p * both).sum()))


@pytest.mark.parametrize("relaxation", [Softmax(), Sigmoid(), RectifiedGumbel()], ids=lambda r: type(r).__name__)
def test_entropy_and_margin_have_finite_gradients_everywhere(relaxation: Softmax) -> None:
    parameters = ArchitectureParameters(MIXED, relaxation)
    with torch.no_grad():
        parameters.logits[0] = torch.tensor([500.0, -500.0, 0.0])
    (parameters.entropy().sum() + parameters.margin().sum()).backward()
    assert parameters.logits.grad is not None
    assert torch.isfinite(parameters.logits.grad).all()


def test_the_relaxation_says_where_logits_start_and_what_they_mean() -> None:
    rectified = ArchitectureParameters(PLAIN, RectifiedGumbel())
    assert torch.equal(rectified.logits, torch.ones(2, 2))
    with torch.no_grad():
        rectified.logits[0] = torch.tensor([1.0, 3.0])
    torch.testing.assert_close(rectified.probabilities()[0], torch.tensor([0.25, 0.75]))
    points = [ArchitectureParameters(PLAIN, RandomOneHot(), generator_for((seed,))).logits for seed in (1, 1, 2)]
    assert torch.equal(points[0], points[1])
    assert not torch.equal(points[0], points[2])


def test_random_starts_hit_any_point_equally_often() -> None:
    sites = [Site("a", ("x", "y", "z")), Site("b", ("x", "y"))]
    points = [ArchitectureParameters(sites, RandomOneHot(), generator_for((seed,))).choices() for seed in range(1200)]
    shares = [sum(point == {"a": a, "b": b} for point in points) / 1200 for a in "xyz" for b in "xy"]
    assert all(abs(share - 1 / 6) < 0.043 for share in shares)  # 4 standard errors


def test_ties_and_rankings_keep_the_order_of_candidates() -> None:
    parameters = ArchitectureParameters(MIXED)
    assert parameters.choices("group") == {"a": "x", "g (group)": "x", "h": "x", "e": "w", "g": "x"}
    assert parameters.ranking()["h"] == ["x", "y", "z"]
    down = ["z", "y", "x"]
    assert mixed().ranking() == {"a": down, "g (group)": ["y", "x"], "h": down, "e": ["w"], "g": down}


def test_a_state_with_one_row_per_site_loads() -> None:
    sites = BNSeparation("resnet18").sites()
    state = {"logits": torch.randn(len(sites), 2, generator=generator_for((1,)))}
    parameters = ArchitectureParameters(sites)
    parameters.load_state_dict(state)
    assert torch.equal(parameters.logits, state["logits"])


def test_tied_sites_of_different_kinds_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"Sites a and c are tied \(group 'g'\) but have different candidates: x, y against x, z"):
        ArchitectureParameters([Site("a", ("x", "y"), group="g"), Site("b", ("x", "y")), Site("c", ("x", "z"), group="g")])


def test_a_space_without_sites_is_refused() -> None:
    with pytest.raises(SettingsError, match="nothing to search"):
        ArchitectureParameters([])
