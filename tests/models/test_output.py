"""One type of output for networks of one branch and of several."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vireid.models import Branch, NetworkOutput


def rows(seed: int, width: int) -> Tensor:
    return torch.randn(3, width, generator=torch.Generator().manual_seed(seed))


def branch(seed: int, logits: bool = True, extras: dict[str, Tensor] | None = None) -> Branch:
    return Branch(rows(seed, 4), rows(seed + 1, 4), rows(seed + 2, 5) if logits else None, extras)


def test_one_branch_is_given_as_it_is() -> None:
    one = branch(0)
    output = NetworkOutput((one,))
    assert output.features is one.features
    assert output.embeddings is one.embeddings
    assert output.logits is one.logits


def test_branches_stand_beside_one_another_and_their_logits_add_up() -> None:
    first, second = branch(0), branch(10)
    output = NetworkOutput((first, second))
    for name in ("features", "embeddings"):
        found = getattr(output, name)
        assert torch.equal(found[:, :4], getattr(first, name))
        assert torch.equal(found[:, 4:], getattr(second, name))
    assert first.logits is not None
    assert second.logits is not None
    assert output.logits is not None
    assert torch.equal(output.logits, first.logits + second.logits)


@pytest.mark.parametrize("with_logits", [(True, False), (False, False)])
def test_branches_without_a_classifier_have_no_say(with_logits: tuple[bool, bool]) -> None:
    branches = tuple(branch(10 * number, has) for number, has in enumerate(with_logits))
    assert NetworkOutput(branches).logits is branches[0].logits


def test_extras_reach_every_branch() -> None:
    own, shared = {"own": rows(1, 2)}, {"shared": rows(2, 2)}
    output = NetworkOutput((branch(0), branch(10, extras=own)))
    assert [set(each.extras or {}) for each in output.with_extras(shared).branches] == [{"shared"}, {"own", "shared"}]
    assert set(own) == {"own"}
    assert output.with_extras(None) is output
