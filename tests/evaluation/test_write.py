"""What a backtest has scored, as files."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from sentio.evaluation.evaluate import Judged
from sentio.evaluation.write import write_scores
from sentio.types import SECOND


def judged(group: str, name: str, score: float) -> Judged:
    said = {field.name: np.array([float(score)]) for field in fields(Judged)}
    said |= {"group": group, "name": name, "times": np.array([5 * SECOND]), "events": (), "further": {}}
    return Judged(**said)  # type: ignore[arg-type] # by name


def test_names_that_make_one_name_of_a_file_are_told_apart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = ["a/b", "a b", "a_b", "a_b-2", "x" * 300, "x" * 299 + "y", "ä" * 300, "ä" * 301, "c"]
    places = [*(("one", name) for name in names), ("o/ne", "a"), ("o ne", "a")]
    series = [judged(*place, i) for i, place in enumerate(places)]
    write_scores(tmp_path, series)
    found = {str(file.relative_to(tmp_path)): file.read_text().splitlines()[1] for file in tmp_path.rglob("*.csv")}
    said = {float(line.split(",")[1]) for line in found.values()}
    assert said == set(range(11)), "each series in a file of its own"
    numbered = {"one/a_b-2.csv", "one/a_b-3.csv", "one/a_b-2-2.csv", "o_ne/a-2.csv"}
    assert numbered | {"one/a_b.csv", "o_ne/a.csv"} < set(found)
    assert found["one/a_b.csv"].startswith("5,0.0,")
    assert caplog.messages[0] == f"a b of one is in {tmp_path}/one/a_b-2.csv: another series has a_b.csv"
    assert len(caplog.messages) == 6
