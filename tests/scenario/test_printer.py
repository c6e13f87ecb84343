"""The printer of Kapacitor's guide as a labelled folder."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sentio.cli import main
from sentio.evaluation.labelled import read_manifest
from sentio.scenario.printer import START, temperatures


def test_it_is_read_back_as_it_was_made(tmp_path, capsys):
    folder = tmp_path / "there" / "printer"
    assert main(["scenario", "printer", "--out", str(folder), "--seed", "42"]) == 0
    assert "hotend, bed, air, seed 42" in capsys.readouterr().out
    values, odd = temperatures(42)
    series = [entry.read() for entry in read_manifest(folder)]
    assert [one.name for one in series] == ["hotend", "bed", "air"]
    for one, row, wrong in zip(series, values, odd, strict=True):
        assert one.step == 10**9
        assert one.times[0] == START * 10**9
        np.testing.assert_array_equal(one.values, row)
        np.testing.assert_array_equal(one.labels, wrong)
    assert [(int(w.argmax()), int(w.sum())) for w in odd] == [(3600, 300), (28800, 900), (43200, 1800)]


def test_the_t_test_finds_all_of_it_and_nothing_else(tmp_path, capsys):
    main(["scenario", "printer", "--out", str(tmp_path)])
    capsys.readouterr()
    assert main(["backtest", str(tmp_path), "--set", "detector.type=welch", "--workers", "1", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["incidents"] == 3
    assert (found["flagged"]["recall"], found["flagged"]["false"], found["flagged"]["delay"]) == (1, 0, 5)


def test_what_cannot_be_written_is_said(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["scenario", "printer", "--out", str(tmp_path / "file")]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["-1", "x", "4294967296"])
def test_a_seed_that_is_refused(seed, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["scenario", "printer", "--seed", seed])
    assert "a whole number, 0 to 4294967295, is expected" in capsys.readouterr().err
