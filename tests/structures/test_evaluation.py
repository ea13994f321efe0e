"""What an evaluation may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from vireid.errors import SettingsError
from vireid.structures import Setting


def test_a_rule_that_does_not_exist_is_refused() -> None:
    rule: Any = "sysuu"
    with pytest.raises(SettingsError, match=r"`rule` must be sysu, regdb, llcm or market, got 'sysuu'\. Did you mean sysu\?"):
        Setting("own", rule, ())
