"""Answers that the server itself calls incomplete: scored, counted, and never learned from."""

from __future__ import annotations

import logging

import pytest

from tests.faulty import OneSeries, answer, matrix, wave

from .conftest import MakeBench, MakeServer

SERIES = [OneSeries({"__name__": "m", "instance": name}, wave(level, level)) for name, level in (("a", 10), ("b", 50))]
GOOD = answer(matrix(*SERIES))


def news(log: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(r.levelname, r.getMessage()) for r in log.records if r.name == "sentio.guard"]


def test_a_partial_answer_is_scored_but_not_learned(
    bench: MakeBench, server: MakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    partial = answer(matrix(*SERIES, warnings=["store s3 is not reachable", "and more"]))
    there = server(partial)
    made = bench(there)
    assert made.train() == made.score(0) == ""
    page = made.page()
    assert page.get("sentio_partial_answers_total") >= 2
    assert page.get("sentio_value", instance="a") == SERIES[0].value(made.at(0) / 1e9)
    assert not page.all("sentio_yhat"), "nothing was learned"
    where = "pipeline q, source prom, whole answers"
    said = "partial answer, not trained on: store s3 is not reachable; and more"
    assert news(caplog) == [("WARNING", f"{where}: {said}")], "what goes on is said once"
    there.behave = GOOD
    assert made.train(1) == made.score(1) == ""
    assert news(caplog)[1:] == [("INFO", f"{where}: works again")]
    assert len(made.page().bands()) == 3 * len(SERIES)
    learned = len(made.history(1)['m{instance="a"}'])
    there.behave = partial
    assert made.score(2) == ""
    assert made.page().get("sentio_anomaly", instance="a") == 0
    assert len(made.history(2)['m{instance="a"}']) <= learned
    assert made.at(2) not in made.history(2)['m{instance="a"}']


def test_what_victoriametrics_calls_partial(bench: MakeBench, server: MakeServer) -> None:
    there = server(answer(matrix(*SERIES, isPartial=True)))
    made = bench(there)
    assert made.train() == made.score(0) == ""
    assert made.page().get("sentio_partial_answers_total") >= 2
    assert made.history(0) == {}
