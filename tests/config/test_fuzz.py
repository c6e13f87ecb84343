"""Whatever is in a file, it loads or is refused in the one form; nothing else is ever raised."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sentio.config.load import load
from sentio.errors import ConfigError

from .bad_configs import CONFIGS

FULL = (CONFIGS / "good" / "full.yaml").read_text()
TREE = yaml.safe_load(FULL.replace("!file ", "").replace("!env ", ""))

LINE = re.compile(r".+\.yaml:[0-9]+: \S.*: (is|has|starts|ends|holds|grows|does|unknown) .+")

SCRAPS = st.sampled_from([*list("[]{}:,\n\t'\"*&!|>%@#-? \x00\x85é"), "<<: ", "- ", ": ", "*weekly", "!env X", "~"])

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _judge(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "full.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            load([path], {"SENTIO_TEST_TOKEN": "token"})
        except ConfigError as error:
            problems = error.problems
        else:
            return
    assert problems
    for problem in problems:
        assert LINE.fullmatch(problem), problem


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_text(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(FULL)))
    cut = data.draw(st.integers(0, 5))
    _judge(FULL[:start] + data.draw(SCRAPS) + FULL[start + cut :])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_other_values(data: st.DataObject) -> None:
    tree: Any = yaml.safe_load(yaml.safe_dump(TREE))
    where = tree
    while True:
        keys = list(where) if isinstance(where, dict) else list(range(len(where)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(where[key], dict | list) or not where[key] or data.draw(st.booleans()):
            break
        where = where[key]
    where[key] = data.draw(VALUES)
    _judge(yaml.dump(tree, Dumper=yaml.SafeDumper, allow_unicode=True))
