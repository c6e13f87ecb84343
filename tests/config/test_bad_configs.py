"""Each file of ``tests/configs/bad`` is refused with exactly the lines that it begins with."""

from __future__ import annotations

import pytest

from sentio.config.load import load
from sentio.errors import ConfigError

from .bad_configs import BAD_CONFIGS, BadConfig


def test_there_are_enough() -> None:
    assert len(BAD_CONFIGS) >= 25
    assert all(bad.problems for bad in BAD_CONFIGS)


@pytest.mark.parametrize("bad", BAD_CONFIGS, ids=lambda bad: bad.path.stem)
def test_bad_config(bad: BadConfig) -> None:
    with pytest.raises(ConfigError) as refused:
        load([bad.path], {})
    assert refused.value.problems == bad.problems
    assert str(refused.value) == "\n".join(bad.problems)


@pytest.mark.parametrize("bad", BAD_CONFIGS, ids=lambda bad: bad.path.stem)
def test_no_message_has_pydantics_words_or_a_password(bad: BadConfig) -> None:
    said = " ".join(bad.problems)
    for word in ("Input should be", "pydantic", "https://errors", "validation error", "hunter2", "271828"):
        assert word not in said
