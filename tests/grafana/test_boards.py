"""The dashboards' files: what can be said of them without a Grafana."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from grafana import generate
from tests.docs.pages import ROOT
from tests.grafana.boards import BOARDS, FOLDER, Json, expressions, named, panels, variables

UIDS = {"sentio": "sentio", "fleet": "sentio-fleet", "proof": "sentio-proof", "itself": "sentio-itself"}
TITLES = {"sentio": "Sentio", "fleet": "Sentio: fleet", "proof": "Sentio: proof", "itself": "Sentio: itself"}
VARIABLE = {"type": "prometheus", "uid": "${datasource}"}
STOCK = {"bargauge", "row", "stat", "state-timeline", "table", "timeseries"}
OWN = re.compile(r"__(range|range_s|interval|interval_ms|rate_interval|url_time_range|data)")
"""Grafana's own variables that the boards use."""

each_board = pytest.mark.parametrize("name", BOARDS)


def strings(value: Any) -> Iterator[str]:
    """Every text in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from itertools.chain.from_iterable(map(strings, value.values()))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(strings, value))


def test_the_files_are_what_the_generator_makes() -> None:
    made = {name: generate.text(board) for name, board in generate.BOARDS.items()}
    there = {file.name: file.read_text("utf-8") for file in FOLDER.glob("*.json")}
    assert made == there, "make dashboards writes them"


def test_uids_and_titles_stay_as_they_are() -> None:
    """Links and bookmarks hold them."""
    assert {name: board["uid"] for name, board in BOARDS.items()} == UIDS
    assert {name: board["title"] for name, board in BOARDS.items()} == TITLES


@each_board
def test_panels_have_ids_of_their_own_and_lie_side_by_side(name: str) -> None:
    board = BOARDS[name]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        own = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert own
        assert not own & cells, panel["title"]
        cells |= own


@each_board
def test_every_panel_is_stock_and_explains_itself(name: str) -> None:
    assert {panel["type"] for panel in BOARDS[name]["panels"]} <= STOCK
    for panel in panels(BOARDS[name]):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


@each_board
def test_every_query_asks_the_chosen_source(name: str) -> None:
    board = BOARDS[name]
    asking = [*panels(board), *(target for panel in panels(board) for target in panel["targets"])]
    asking += [variable for variable in variables(board).values() if variable["type"] == "query"]
    asking += board["annotations"]["list"]
    assert [asked["datasource"] for asked in asking] == [VARIABLE] * len(asking)
    for panel in panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)


@each_board
def test_every_variable_that_is_named_is_there(name: str) -> None:
    board = BOARDS[name]
    used = {variable for text in strings(board) for variable in named(text)}
    own = {variable for variable in used if OWN.match(variable)}
    # `$1` is a group of label_replace; `__all` is the value of All.
    assert used - own - {"1", "__all"} <= set(variables(board))
    unused = set(variables(board)) - used
    assert unused == set(), "a variable that changes nothing"


@each_board
def test_overrides_are_for_fields_that_there_are(name: str) -> None:
    """By the legend of a target of the same panel, by a column's name, or by a label that the panel's targets name."""
    for panel in panels(BOARDS[name]):
        legends = {target["legendFormat"] for target in panel["targets"]} - {""}
        patterns = {re.sub(r"\\{\\{\w+\\}\\}", r".+", re.escape(legend)) for legend in legends}
        columns = {
            column
            for transformation in panel.get("transformations", [])
            for column in transformation["options"].get("renameByName", {}).values()
        }
        labels = {word for target in panel["targets"] for word in re.findall(r"\w+", target["expr"])}
        for override in panel["fieldConfig"]["overrides"]:
            assert override["matcher"]["id"] == "byName"
            field = override["matcher"]["options"]
            assert not named(field), "Grafana fills in no variables there"
            there = field in columns or any(re.fullmatch(pattern, field) for pattern in patterns)
            assert there or (panel["type"] == "table" and field in labels), (panel["title"], field)
            for setting in override["properties"]:
                if setting["id"] == "custom.fillBelowTo":
                    assert setting["value"] in legends, panel["title"]


def test_the_band_lies_between_the_edges() -> None:
    (band,) = [
        (panel["title"], override["matcher"]["options"], setting["value"])
        for panel in panels(BOARDS["sentio"])
        for override in panel["fieldConfig"]["overrides"]
        for setting in override["properties"]
        if setting["id"] == "custom.fillBelowTo"
    ]
    assert band == ("$series: actual and predicted", "Upper", "Lower")


@each_board
def test_annotations_name_labels_only(name: str) -> None:
    """Grafana fills in no variables in their texts."""
    for annotation in BOARDS[name]["annotations"]["list"]:
        assert not named(annotation["titleFormat"] + annotation["textFormat"])


@each_board
def test_boards_lead_to_one_another(name: str) -> None:
    (others,) = BOARDS[name]["links"]
    assert others["type"] == "dashboards"
    assert others["keepTime"] is True
    assert all(set(others["tags"]) <= set(board["tags"]) for board in BOARDS.values())


def test_links_lead_to_boards_and_variables_that_there_are() -> None:
    found = 0
    for board in BOARDS.values():
        for url in strings(board):
            if match := re.match(r"/d/([\w-]+)/[\w-]+\?(.*)", url):
                found += 1
                (target,) = [other for other in BOARDS.values() if other["uid"] == match[1]]
                assert set(re.findall(r"var-(\w+)=", match[2])) <= set(variables(target))
    assert found > 0
    assert not [text for text in strings(BOARDS) if "/d/" in text and not text.startswith("/d/")]


def test_links_to_sentios_page_use_its_filters() -> None:
    urls = {text for text in strings(BOARDS) if text.startswith("${sentio_url")}
    assert urls
    for url in urls:
        assert re.fullmatch(r"\$\{sentio_url:raw\}/\?query=\$\{[\w.:]+\}&q=\$\{[\w.:]+\}", url)


def test_expressions_need_no_feature_flag() -> None:
    """Of Prometheus, neither of 2.x nor of 3.x."""
    unstable = re.compile(
        r"\b(holt_winters|double_exponential_smoothing|limitk|limit_ratio|sort_by_label|sort_by_label_desc|mad_over_time"
        r"|info|ts_of_\w+|step|anchored|smoothed)\s*\("
    )
    assert [e for e in expressions() if unstable.search(e.text)] == []


def provisioning(path: str) -> Json:
    content: Json = yaml.safe_load((ROOT / "grafana/provisioning" / path).read_text("utf-8"))
    assert content["apiVersion"] == 1
    return content


def test_the_source_is_the_one_that_the_boards_choose() -> None:
    (source,) = provisioning("datasources/prometheus.yml")["datasources"]
    assert (source["type"], source["access"], source["isDefault"]) == ("prometheus", "proxy", True)
    assert source["editable"] is False
    for board in BOARDS.values():
        variable = variables(board)["datasource"]
        assert variable["query"] == source["type"]
        assert variable["current"] == {"text": source["name"], "value": source["uid"]}


def test_the_boards_are_where_grafana_looks_for_them() -> None:
    (provider,) = provisioning("dashboards/sentio.yml")["providers"]
    assert (provider["type"], provider["folder"]) == ("file", "Sentio")
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    mounts = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
