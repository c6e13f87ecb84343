"""Whatever is in a file, it is read as Python's own reader has it, or refused in our words."""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentio.errors import InputError
from sentio.tables.reader import Choice, open_table
from sentio.tables.text import NONE

FIELDS = st.text('01.-e,;"\n\r\tax é', max_size=6)
NUMBERS = st.one_of(st.floats(allow_infinity=False).map(repr), st.integers(-99, 10**20).map(str), st.sampled_from(NONE))
LABELS = FIELDS.map(lambda text: text.replace("\r", "").lstrip())
SETTINGS = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def read(path: Path, choice: Choice) -> tuple[tuple[str, ...], list[list[float]], list[tuple[str, ...]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_table(path, choice, now=0) as table:
            parts = list(table.chunks())
    values = np.concatenate([part.values for part in parts], axis=1).tolist()
    return table.sensors, values, [part.groups[g] for part in parts for g in part.group.tolist()]


@pytest.mark.parametrize("block", [16, 1 << 20])
@SETTINGS
@given(
    head=FIELDS,
    data=st.one_of(
        st.lists(FIELDS, max_size=8).map("".join), st.binary(max_size=60).map(lambda b: b.decode("latin-1"))
    ),
)
def test_refused_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, head: str, data: str
) -> None:
    monkeypatch.setattr("sentio.tables.blocks._BLOCK", block)
    path = tmp_path / "t.csv"
    path.write_bytes((head + "\n" + data).encode("latin-1"))
    said = ""
    try:
        read(path, Choice())
    except InputError as error:
        said = str(error)
    assert not said or (said.startswith(str(path)) and said.endswith("expected"))


@pytest.mark.parametrize("block", [16, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@SETTINGS
@given(rows=st.lists(st.tuples(NUMBERS, LABELS, NUMBERS), min_size=1, max_size=8))
def test_as_the_standard_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, end: str, rows: list[tuple[str, str, str]]
) -> None:
    monkeypatch.setattr("sentio.tables.blocks._BLOCK", block)
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_MINIMAL).writerows([("a", "what", "b"), *rows])
    path = tmp_path / "t.csv"
    path.write_bytes(text.getvalue().encode())
    sensors, values, groups = read(path, Choice(sensors=("a", "b"), by=("what",)))
    assert sensors == ("a", "b")
    assert groups == [(what,) for _, what, _ in rows]
    expected = [[np.nan if row[i] in NONE else float(row[i]) for row in rows] for i in (0, 2)]
    np.testing.assert_array_equal(values, expected)
