"""Every expression of every board runs in a real Prometheus, beside a real Sentio, and gives data."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.grafana.boards import (
    BOARDS,
    Expression,
    Json,
    built_in,
    chosen,
    expressions,
    filled,
    named,
    panels,
    seconds,
    step,
    variables,
)
from tests.grafana.stage import CONTAINERS, Stage, running
from tests.servers import until

SET = {"step": "1s"}
"""Variables that are set by hand: the stage is scraped once a second."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running(tmp_path_factory.mktemp("boards")) as made:
        yield made


def ask(stage: Stage, path: str, **params: object) -> Any:
    """As Grafana does, by POST."""
    response = requests.post(f"{stage.prometheus.url}/api/v1/{path}", data=params, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()["data"]


def options(stage: Stage, query: str) -> list[str]:
    """Of a variable that is asked for."""
    selector, label = re.fullmatch(r"label_values\((.+),\s*(\w+)\)", query).groups()  # type: ignore[union-attr]
    response = requests.get(
        f"{stage.prometheus.url}/api/v1/label/{label}/values", params={"match[]": selector}, timeout=60
    )
    assert response.status_code == 200, response.text
    found: list[str] = response.json()["data"]
    assert found, f"{query} gives nothing"
    return sorted(found)


def values(stage: Stage, board: Json) -> dict[str, str]:
    """Of all variables of a board: what is chosen when it is opened."""
    known = built_in(board) | SET
    for name, variable in variables(board).items():
        if variable["type"] == "query":
            known[name] = chosen(variable, options(stage, filled(variable["query"]["query"], known)))
        else:
            known.setdefault(name, variable["current"]["value"])
    return known


def rows(stage: Stage, expression: Expression, **choices: str) -> list[Json]:
    """What Grafana would get for it when the board is opened now, perhaps with a choice made; without what is not a
    number."""
    board = BOARDS[expression.board]
    query = filled(expression.text, values(stage, board) | choices)
    assert named(query) <= {"1"}, f"not filled in: {query}"
    if expression.instant:
        result = ask(stage, "query", query=query)["result"]
        samples = [(row, [row["value"]]) for row in result]
    else:
        end = time.time()
        start = end - seconds(board["time"]["from"])
        result = ask(stage, "query_range", query=query, start=start, end=end, step=step(board))["result"]
        samples = [(row, row["values"]) for row in result]
    return [row for row, points in samples if any(math.isfinite(float(value)) for _, value in points)]


@pytest.mark.parametrize("expression", list(expressions()), ids=str)
def test_an_expression_gives_data(stage: Stage, expression: Expression) -> None:
    """Now or a moment later: a scrape that a busy machine has missed leaves a gap."""
    until(
        lambda: rows(stage, expression),
        10,
        filled(expression.text, values(stage, BOARDS[expression.board])) + " is empty",
    )


def test_pipelines_without_a_forecast_can_be_chosen(stage: Stage) -> None:
    """And their series, by a label."""
    asked = variables(BOARDS["sentio"])
    stage.there('sentio_value{query="range"}', len(CONTAINERS))
    assert {"cpu", "memory", "range"} <= set(options(stage, asked["query"]["query"]["query"]))
    for query in ("cpu", "range"):
        series = filled(asked["series"]["query"]["query"], {"query": query, "label": "container_name"})
        assert options(stage, series) == sorted(CONTAINERS)


@pytest.mark.parametrize("name", BOARDS)
def test_the_columns_that_a_table_names_are_there(stage: Stage, name: str) -> None:
    """Labels of what its expressions give, for order and for links."""
    for panel in panels(BOARDS[name]):
        if panel["type"] != "table":
            continue
        organize = panel["transformations"][-1]["options"]
        linked = re.findall(r"__data\.fields\.(\w+)", str(panel["fieldConfig"]))
        columns = {c for c in organize["indexByName"] if not c.startswith("Value")} | set(linked)
        expression = Expression(name, panel["title"], panel["targets"][0]["expr"], True)
        until(lambda e=expression, c=columns: c <= labels(rows(stage, e)), 10, panel["title"])


def labels(found: list[Json]) -> set[str]:
    return {label for row in found for label in row["metric"]}


# --- what the proof says of the stage ----------------------------------------------------------------------------


def proof(stage: Stage, title: str, column: int = 0) -> dict[tuple[str, str], float]:
    """A column of a panel of that board: (container, query) → value."""
    (panel,) = [panel for panel in panels(BOARDS["proof"]) if panel["title"] == title]
    target = panel["targets"][column]
    found = rows(stage, Expression("proof", title, target["expr"], target["instant"]))
    return {(r["metric"].get("container_name", ""), r["metric"].get("query", "")): float(r["value"][1]) for r in found}


SEEN, GONE, UNSEEN, WAITING = (
    ("workload", "cpu"),
    ("workload-db", "cpu"),
    ("workload", "memory"),
    ("workload-batch", "memory"),
)


def test_the_proof_tells_detected_from_missed(stage: Stage) -> None:
    assert proof(stage, "Every expectation", 1) == {SEEN: 1, GONE: 1, UNSEEN: 0, WAITING: 2}
    assert proof(stage, "Expectations") == {("", ""): 4}
    assert proof(stage, "Missed") == {("", ""): 1}
    assert proof(stage, "Detected") == {("", ""): pytest.approx(2 / 3)}


def test_the_proof_gives_delays_of_what_was_detected(stage: Stage) -> None:
    lasted = proof(stage, "Every expectation", 4)
    delays, alerts = proof(stage, "Every expectation", 2), proof(stage, "Every expectation", 3)
    assert set(delays) == set(alerts) == {SEEN, GONE}
    assert 0 <= delays[SEEN] <= alerts[SEEN] <= lasted[SEEN]
    assert delays[GONE] == alerts[GONE] > 0


def test_the_proof_counts_alerts_that_nobody_expected(stage: Stage) -> None:
    title = "Flagged without reason, by series"
    alerts = proof(stage, title, 1)
    assert {series for series, count in alerts.items() if count} == {("workload-batch", "cpu")}
    assert alerts["workload-batch", "cpu"] == 1
    flagged = proof(stage, title, 0)
    assert max(flagged, key=lambda series: flagged[series]) == ("workload-batch", "cpu")


def test_the_lanes_of_a_series_stand_one_above_another(stage: Stage) -> None:
    (panel,) = [panel for panel in panels(BOARDS["proof"]) if panel["type"] == "state-timeline"]
    found = rows(stage, Expression("proof", panel["title"], panel["targets"][0]["expr"], False))
    lanes = [(r["metric"]["container_name"], r["metric"]["query"], r["metric"]["what"]) for r in found]
    assert lanes == sorted(lanes)
    assert [what for *series, what in lanes if tuple(series) == SEEN] == ["expected", "flagged", "on alert"]
    assert {tuple(series) for *series, _ in lanes} == {SEEN, GONE, UNSEEN, WAITING}


def test_where_no_scenario_ran_the_proof_says_so(stage: Stage) -> None:
    silent = set()
    for panel in panels(BOARDS["proof"]):
        asked = [Expression("proof", panel["title"], target["expr"], target["instant"]) for target in panel["targets"]]
        if "$run" in str(panel["targets"]):
            assert [rows(stage, expression, run="none") for expression in asked] == [[]] * len(asked)
            silent.add((panel["title"], panel["fieldConfig"]["defaults"]["noValue"]))
    nothing = "no scenario in this range"
    assert silent == {
        ("Expectations", nothing),
        ("Detected", nothing),
        ("Missed", nothing),
        ("Median delay", "nothing detected in this range"),
        ("Expected, flagged, on alert", nothing),
        ("Every expectation", nothing),
        ("Score of the series concerned", nothing),
    }
