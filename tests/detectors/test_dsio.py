"""datastream.io's own figures: its example of a car's sensors, and samples with obvious anomalies."""

from __future__ import annotations

import ast
import json
import re
import sys

import numpy as np
import pytest

from sentio.types import ANOMALY, SCORE

from .drive import DATA, FIRST, again, cardata, cut, detector, flags, panel

LINES = (DATA / "dsio_detector_flags.txt").read_text().splitlines()
CAR = cardata()
NAMES = [key.name for key in CAR.keys]


def written(detector_name: str) -> dict[str, list[tuple[int, float]]]:
    """Sensor → flags and sum of scores of both batches."""
    begin = LINES.index(detector_name) + 1
    found = (re.fullmatch(r"  (\w+) +batch\(flags,sum score\) (.*)", line) for line in LINES[begin : begin + 12])
    return {match[1]: ast.literal_eval(match[2]) for match in found if match}


def column(scores, name: str, output: str):
    return scores.outputs[output][NAMES.index(name)]


@pytest.mark.parametrize(("name", "original"), [("gaussian1d", "Gaussian1D"), ("percentile1d", "Percentile1D")])
def test_both_batches_of_every_sensor(name, original):
    made = detector(name, batch=len(CAR.times) - FIRST)
    state = made.fit(cut(CAR, 0, FIRST))
    _, first = made.score(state, cut(CAR, 0, FIRST))
    _, second = made.score(state, cut(CAR, FIRST))
    figures = written(original)
    assert list(figures) == NAMES
    for sensor, batches in figures.items():
        for scores, (count, total) in zip((first, second), batches, strict=True):
            assert column(scores, sensor, ANOMALY).sum() == count, sensor
            assert column(scores, sensor, "score").sum() == pytest.approx(total, abs=6e-7), sensor


def test_the_documents_that_were_sent():
    documents = [json.loads(line) for line in (DATA / "dsio_gaussian1d_docs.jsonl").read_text().splitlines()]
    assert len(documents) == 200
    made = detector("gaussian1d")
    _, scores = made.score(made.fit(cut(CAR, 0, FIRST)), cut(CAR, 1, 201))
    for sensor in ("engine_speed", "vehicle_speed"):
        values = scores.values[NAMES.index(sensor)]
        np.testing.assert_array_equal(values, [d[sensor] for d in documents])
        expected = [d[f"SCORE_{sensor}"] for d in documents]
        np.testing.assert_allclose(column(scores, sensor, "score"), expected, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(column(scores, sensor, ANOMALY), [d[f"FLAG_{sensor}"] for d in documents])


def test_quantile1d_trained_and_updated_with_everything():
    made = detector("quantile1d", batch=len(CAR.times))
    state, _ = made.score(made.fit(CAR), again(CAR))
    _, scores = made.score(state, CAR)
    at = LINES.index("Quantile1D w=100 (seed commit): train(all)->first 100; update(all)->last 100; score all") + 1
    form = re.compile(r" +(\w+) sum ([\d.]+) n>0.99 (\d+) n<0.01 (\d+) \[([\d. ]+)\]")
    for line in LINES[at : at + 3]:
        sensor, total, above, below, first = form.fullmatch(line).groups()
        score = column(scores, sensor, "score")
        assert score.sum() == pytest.approx(float(total), abs=1e-6), sensor
        assert ((score > 0.99).sum(), (score < 0.01).sum()) == (int(above), int(below)), sensor
        assert score[:3].tolist() == pytest.approx([float(x) for x in first.split()]), sensor


@pytest.mark.parametrize("sensor", ["engine_speed", "vehicle_speed", "accelerator_pedal_position"])
def test_percentile_of_a_whole_series(sensor):
    count = int(next(line for line in LINES if line.startswith("Percentile example")).split()[-1])
    made = detector("percentile")
    _, scores = made.score(made.fit(CAR), CAR)
    assert column(scores, sensor, ANOMALY).sum() == count == 14


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["gaussian1d", "percentile1d"])
def test_obvious_anomalies_after_fifty_clean_samples(name, seed):
    """Its figures are of unseeded numbers: every anomaly was found, with 8 and 18 false flags among a thousand."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=1050)
    odd = 50 + rng.choice(1000, 10, replace=False)
    samples[odd] += 5 * np.sign(samples[odd])
    made = detector(name)
    whole = panel(samples)
    _, scores = made.score(made.fit(cut(whole, 0, 50)), cut(whole, 50))
    flagged = 50 + np.flatnonzero(scores.outputs[ANOMALY][0] == 1)
    assert set(odd) <= set(flagged)
    assert len(flagged) - len(odd) < 100


@pytest.mark.parametrize("odd", [[sys.float_info.max, -sys.float_info.max], [sys.float_info.max], [-1e200]])
def test_what_has_no_square_is_flagged_and_not_learned_from(odd):
    values = np.random.default_rng(3).normal(10, 1, 600)
    values[220 : 220 + len(odd)] = odd
    values[-1] = 20
    made, whole = detector("gaussian1d", batch=100), panel(values)
    _, scores = made.score(made.fit(cut(whole, 0, 200)), cut(whole, 200))
    # Both beside one another made the mean none, so that nothing was ever said again; one made it too large for good.
    assert set(range(20, 20 + len(odd))) <= set(flags(scores))
    assert np.isfinite(scores.outputs[SCORE]).all()
    assert len(flags(scores)) < 25
    assert flags(scores)[-1] == 399
