"""Where the boards lead: to one another, and to Sentio's own page. And the variables that several of them have."""

from __future__ import annotations

from grafana.model import BLUE, GREEN, ORANGE, RED, Json, asked, choice, link, typed, words

PAGE = typed(
    "sentio_url", "Sentio's page", "Where a browser reaches Sentio; links lead there.", "http://localhost:8000"
)
LABEL = choice(
    "label",
    "Label",
    "The label that tells the series of a pipeline apart. Any other can be typed.",
    ("container_name", "instance", "job", "metric"),
)
QUERIES = asked(
    "query",
    "Pipeline",
    "The pipelines of Sentio, by the label query.",
    "label_values(sentio_series, query)",
    many=True,
    allValue=".*",
)

LEVELS = words({0: ("ok", GREEN), 1: ("info", BLUE), 2: ("warning", ORANGE), 3: ("critical", RED)})
"""Of `sentio_alert_level`."""


def page(query: str, text: str) -> Json:
    """To Sentio's page, narrowed to a pipeline and a text."""
    return link("Sentio's page", f"${{sentio_url:raw}}/?query={query}&q={text}", leaves=True)


def series_board(query: str, label: str, series: str) -> Json:
    """To the board of one series, at the same time range."""
    url = f"/d/sentio/sentio?${{__url_time_range}}&var-query={query}&var-label={label}&var-series={series}"
    return link("Its board", url)


def cell(column: str) -> str:
    """The value of a column, in the row that was clicked."""
    return f"${{__data.fields.{column}:percentencode}}"
