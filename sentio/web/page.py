"""``/``: every pipeline and every series, with what was expected of it and what came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from urllib.parse import urlencode

import numpy as np

from sentio import __version__
from sentio.runner import Runner
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Floats, Ints, Report, SeriesStatus, positions
from sentio.web.picture import picture
from sentio.web.style import STYLE

_ROWS = 100
_STATES = {status.word: status for status in SeriesStatus}
_BOARD_LABELS = ("container_name", "instance", "job", "metric")
_WITH_DETAIL = (SeriesStatus.FAILED, SeriesStatus.LEARNING)


@dataclass(frozen=True, slots=True)
class Filter:
    """What of it is wanted: ``text`` in the series' name or labels, one ``query``, one ``state``, a page."""

    text: str = ""
    query: str = ""
    state: str = ""
    page: int = 1

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Filter:
        page = params.get("page", "1")
        number = max(1, int(page)) if page.isdecimal() and len(page) < 8 else 1
        return cls(params.get("q", ""), params.get("query", ""), params.get("state", ""), number)

    def link(self, **changes: object) -> str:
        """The address of the same page with something else wanted."""
        wanted = replace(self, **changes)  # type: ignore[arg-type] # field names, checked by the tests
        params = {"q": wanted.text, "query": wanted.query, "state": wanted.state, "page": wanted.page}
        return "?" + urlencode({k: v for k, v in params.items() if v and (k, v) != ("page", 1)})


@dataclass(frozen=True, slots=True)
class _Row:
    runner: Runner
    report: Report
    index: int
    column: int
    detail: str

    def output(self, name: str) -> float:
        return float(self.report.scores.outputs[name][self.index, self.column])

    @property
    def state(self) -> SeriesStatus:
        return SeriesStatus(int(self.report.status[self.index]))


def render(runners: Sequence[Runner], wanted: Filter, now: int, grafana: str | None = None) -> str:
    """The page as HTML; whatever came from outside is escaped. ``grafana`` is the address that its boards have."""
    found = [f for runner in runners if (f := _find(runner, wanted))]
    count = sum(len(f.index) for f in found)
    pages = max(1, -(-count // _ROWS))
    page = min(wanted.page, pages)
    body = "".join(_series(row, now, grafana) for row in _shown(found, page)) or _nothing(runners)
    boards = f'<a href="{escape(grafana)}/d/sentio-fleet">dashboards</a>' if grafana else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sentio</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="15"><style>{STYLE}</style>'
        f"<header><h1>Sentio</h1><span>{__version__}</span><nav>"
        f'{boards}<a href="runbook">runbook</a><a href="metrics">metrics</a>'
        '<a href="-/healthy">health</a><a href="-/ready">readiness</a>'
        "</nav></header><main>"
        f"<section class=cards>{''.join(_card(r, wanted, now) for r in runners)}</section>"
        f"{_form(wanted, runners)}"
        "<table><thead><tr><th>series<th>state<th>recently<th class=n>value<th class=n>expected"
        "<th class=n>band<th class=n>score<th>flag<th class=n>age</tr></thead>"
        f"<tbody>{body}</tbody></table>{_pager(wanted, page, pages, count)}</main></html>"
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """The series of one pipeline that are wanted, as numbers: rows are made only of those that are shown."""

    runner: Runner
    report: Report
    index: Ints
    columns: Ints
    """Of all series; ``rank`` is of those at ``index``."""
    rank: Floats

    def rows(self, shown: Sequence[int]) -> Iterator[_Row]:
        """Those at these places of ``index``."""
        at = [int(self.index[i]) for i in shown]
        details = self._details([i for i in at if self.report.status[i] in _WITH_DETAIL])
        return (_Row(self.runner, self.report, i, int(self.columns[i]), details.get(i, "")) for i in at)

    def _details(self, at: Sequence[int]) -> dict[int, str]:
        """Why they are not ready."""
        known = self.runner.state  # read once: a training puts another in its place
        if not at or not known.keys:
            return {}
        rows = positions(self.report.scores.keys, known.keys).tolist()
        return {
            i: str(known["detail"][rows[i]]) or f"{int(known['samples'][rows[i]])} samples" for i in at if rows[i] >= 0
        }


def _find(runner: Runner, wanted: Filter) -> _Found | None:
    report = runner.report
    if report is None or (wanted.query and wanted.query != report.pipeline):
        return None
    columns = report.scores.newest()
    rank = np.nan_to_num(report.scores.outputs[SCORE][np.arange(len(columns)), columns], nan=-1.0)
    found = np.ones(len(columns), bool)
    if wanted.state:
        found = report.status == _STATES.get(wanted.state, -1)
    index = np.flatnonzero(found)
    if text := wanted.text.lower():
        keys = report.scores.keys
        index = np.array([i for i in index.tolist() if text in str(keys[i]).lower()], np.int64)
    return _Found(runner, report, index, columns, rank[index])


def _shown(found: Sequence[_Found], page: int) -> list[_Row]:
    """The rows of one page, the worst of all pipelines first."""
    if not found:
        return []
    whose = np.repeat(np.arange(len(found)), [len(f.index) for f in found])
    place = np.concatenate([np.arange(len(f.index)) for f in found])
    order = np.argsort(-np.concatenate([f.rank for f in found]), kind="stable")
    order = order[(page - 1) * _ROWS : page * _ROWS]
    rows = [f.rows(place[order[whose[order] == i]].tolist()) for i, f in enumerate(found)]
    return [next(rows[i]) for i in whose[order].tolist()]


def _board(row: _Row, grafana: str) -> str:
    """Where the series' board is: it is chosen by one of these labels, the first that the series has."""
    key, alias = row.report.scores.keys[row.index], row.report.pipeline
    labels = {**dict(key.labels), "metric": key.name or alias}
    label = next(name for name in _BOARD_LABELS if name in labels)
    chosen = {"var-query": alias, "var-label": label, "var-series": labels[label]}
    return f"{grafana}/d/sentio?{urlencode(chosen)}"


def _series(row: _Row, now: int, grafana: str | None) -> str:
    key, state = row.report.scores.keys[row.index], row.state
    value = float(row.report.scores.values[row.index, row.column])
    flag = row.output(ANOMALY)
    labels = " ".join(f"<b>{escape(k)}</b>={escape(v)}" for k, v in key.labels)
    mark = {1.0: "<td class=bad>anomaly", 0.0: "<td class=good>as expected"}.get(flag, "<td>")
    age = f"{max(0, now - int(row.report.scores.times[row.column])) // SECOND} s" if np.isfinite(value) else "none"
    detail = f" <small>{escape(row.detail)}</small>" if row.detail else ""
    name = escape(key.name or row.report.pipeline)
    if grafana:
        name = f'<a href="{escape(_board(row, grafana))}">{name}</a>'
    return (
        f"<tr><td><div>{name}</div><small>{labels}</small>"
        f"<td><i class={state.word}>{state.word}</i>{detail}"
        f"<td>{_picture(row)}<td class=n>{_number(value)}<td class=n>{_number(row.output(YHAT))}"
        f"<td class=n>{_number(row.output(LOWER))} … {_number(row.output(UPPER))}"
        f"<td class=n>{_number(row.output(SCORE))}{mark}<td class=n>{age}</tr>"
    )


def _picture(row: _Row) -> str:
    keys, values = row.runner.recent.kept
    key = row.report.scores.keys[row.index]
    if row.index >= len(keys) or keys[row.index] != key:
        return ""
    return picture(values[:, row.index].astype(np.float64))


def _card(runner: Runner, wanted: Filter, now: int) -> str:
    report, alias = runner.report, runner.line.alias
    data, model = runner.ages(now)
    flags = _latest(report, ANOMALY) if report else np.empty(0)
    counts = np.bincount(report.status, minlength=len(SeriesStatus)) if report else np.zeros(len(SeriesStatus), int)
    states = ", ".join(
        f'<a href="{escape(wanted.link(query=alias, state=s.word, page=1))}">{counts[s]} {s.word}</a>'
        for s in SeriesStatus
        if counts[s]
    )
    error = "".join(f"<p class=bad>{tick}: {escape(text)}</p>" for tick, text in runner.errors.items() if text)
    failures = "".join(
        f"<p class=bad>{escape(f.where)}: {escape(f.text)}</p>" for f in (report.failures[:5] if report else ())
    )
    return (
        f'<article><h2><a href="{escape(wanted.link(query=alias, state="", page=1))}">{escape(alias)}</a></h2>'
        f"<code>{escape(runner.line.query)}</code>"
        f"<p>{int(np.nansum(flags))} anomalous of {len(flags)} series: {states or 'none has arrived yet'}"
        f"<p>newest sample {_age(data)}, oldest model {_age(model)}{error}{failures}</article>"
    )


def _latest(report: Report, output: str) -> Floats:
    columns = report.scores.newest()
    return report.scores.outputs[output][np.arange(len(columns)), columns]


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "none"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} old"
    return f"{max(0.0, seconds):.0f} s old"


def _number(value: float) -> str:
    """Four digits that tell, with a prefix for large ones; nothing for no number."""
    if not np.isfinite(value):
        return ""
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size <= abs(value) < 1e15:
            unit = 1e3 if prefix == "k" else size
            return f"{value / unit:.4g} {prefix}"
    return f"{value:.4g}"


def _form(wanted: Filter, runners: Sequence[Runner]) -> str:
    def options(chosen: str, names: Sequence[str], every: str) -> str:
        marks = [f"<option{' selected' if n == chosen else ''}>{escape(n)}</option>" for n in names]
        return f'<option value="">{every}</option>' + "".join(marks)

    aliases = [r.line.alias for r in runners]
    return (
        f'<form><input name=q placeholder="name or label" value="{escape(wanted.text)}">'
        f"<select name=query>{options(wanted.query, aliases, 'every pipeline')}</select>"
        f"<select name=state>{options(wanted.state, [s.word for s in SeriesStatus], 'every state')}</select>"
        "<button>show</button></form>"
    )


def _nothing(runners: Sequence[Runner]) -> str:
    text = "no series like that" if any(r.report for r in runners) else "nothing has been read yet"
    return f"<tr><td colspan=9>{text}</tr>"


def _pager(wanted: Filter, page: int, pages: int, rows: int) -> str:
    before = f'<a href="{escape(wanted.link(page=page - 1))}">before</a> ' if page > 1 else ""
    after = f' <a href="{escape(wanted.link(page=page + 1))}">after</a>' if page < pages else ""
    return f"<p class=pager>{before}page {page} of {pages}, {rows} series{after}</p>"
