"""``/``: every pipeline and every series, with what was expected of it and what came."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from html import escape
from itertools import chain
from urllib.parse import urlencode

import numpy as np

from sentio import __version__
from sentio.judgement.judge import COVERAGE, FALLBACK, SKILL
from sentio.judgement.policy import Policy
from sentio.message import roughly
from sentio.reports import AlertLevel, Report
from sentio.runner import Runner
from sentio.sinks.exposition import RESERVED
from sentio.state import SeriesStatus
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Floats
from sentio.web.document import document
from sentio.web.picture import picture
from sentio.web.view import LEVELS, STATES, TYPES, Filter, Row, rows, select, worst_first

_ROWS = 100
_BOARD_LABELS = ("container_name", "instance", "job", "metric")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
"""A label that a board can be asked for by."""
_PER = (("an hour", 1 / 24), ("a day", 1.0), ("a week", 7.0), ("a month", 30.0))


# With a script nobody has the page taken away who is about to search; without one there is no knowing.
_RELOAD = (
    '<noscript><meta http-equiv="refresh" content="15"></noscript>'
    "<script>setInterval(() => document.activeElement?.form || location.reload(), 15000)</script>"
)


def render(
    runners: Sequence[Runner],
    wanted: Filter,
    now: int,
    grafana: str | None = None,
    redact: Callable[[str], str] = str,
) -> str:
    """The page as HTML; whatever came from outside is escaped. ``grafana`` is the address that its boards have;
    ``redact`` takes secrets out of a text."""
    found = select(runners, wanted)
    count = sum(len(f.index) for f in found)
    pages = max(1, -(-count // _ROWS))
    page = min(wanted.page, pages)
    shown = rows(found, worst_first(found)[(page - 1) * _ROWS : page * _ROWS])
    boards = _boards(shown, grafana)
    body = "".join(_series(row, wanted, now, board) for row, board in zip(shown, boards, strict=True))
    fleet = f'<a href="{escape(grafana)}/d/sentio-fleet">dashboards</a>' if grafana else ""
    return document(
        "Sentio",
        __version__,
        f'{fleet}<a href="runbook">runbook</a><a href="metrics">metrics</a>'
        '<a href="-/healthy">health</a><a href="-/ready">readiness</a>',
        f"<section class=cards>{''.join(_card(r, wanted, now, redact) for r in runners)}</section>"
        f"{_form(wanted, runners)}"
        "<table><thead><tr><th>series<th>state<th>recently<th class=n>value<th class=n>expected"
        "<th class=n>band<th class=n>score<th>alert<th class=n>age</tr></thead>"
        f"<tbody>{body or _nothing(runners, wanted)}</tbody></table>{_pager(wanted, page, pages, count)}",
        head=_RELOAD,
    )


def _boards(shown: Sequence[Row], grafana: str | None) -> list[str]:
    """Where the board of each is; nowhere without ``grafana``."""
    if not grafana:
        return [""] * len(shown)
    held: dict[str, Counter[tuple[str, str]]] = {}
    for row in shown:
        alias, keys = row.report.pipeline, row.report.scores.keys
        if alias not in held:
            # Once for all of a pipeline's series: one by one, many would take for ever.
            held[alias] = Counter(chain.from_iterable(key.labels for key in keys))
            held[alias].update(("metric", key.name or alias) for key in keys)
    return [_board(row, grafana, held[row.report.pipeline]) for row in shown]


def _board(row: Row, grafana: str, held: Counter[tuple[str, str]]) -> str:
    """The board is chosen by a label: the first whose value no other series has, or else the first of the usual ones.
    ``held``: by how many each is."""
    key, alias = row.key, row.report.pipeline
    own = {name: value for name, value in key.labels if name not in RESERVED and _LABEL.fullmatch(name)}
    labels = {**own, "metric": key.name or alias}
    usual = [name for name in _BOARD_LABELS if name in labels]
    label = next((name for name in (*usual, *own) if held[name, labels[name]] == 1), usual[0])
    chosen = {"var-query": alias, "var-label": label, "var-series": labels[label]}
    return f"{grafana}/d/sentio?{urlencode(chosen)}"


def _series(row: Row, wanted: Filter, now: int, board: str) -> str:
    key, state, alias = row.key, row.state, row.report.pipeline
    labels = " ".join(f"<b>{escape(k)}</b>={escape(v)}" for k, v in key.labels)
    age = roughly((now - row.at) / SECOND) if np.isfinite(row.value) else "none"
    detail = f" <small>{escape(row.detail)}</small>" if row.detail else ""
    name = escape(key.name or alias)
    if board:
        name = f'<a href="{escape(board)}">{name}</a>'
    if alias != (key.name or alias):
        name += f' <a class=of href="{escape(wanted.link(query=alias, page=1))}">{escape(alias)}</a>'
    text = f"<p>{escape(row.text)}</p>" if row.text else ""
    value = "<i class=missing>missing</i>" if row.missing else _number(row.value)
    return (
        f"<tr><td><div>{name}</div><small>{labels}</small>{text}"
        f"<td><i class={state.word}>{state.word}</i>{detail}"
        f"<td>{_picture(row)}<td class=n>{value}"
        f"<td class=n{_hint(_skill(row))}>{_number(row.output(YHAT))}"
        f"<td class=n{_hint(_coverage(row))}>{_band(row.output(LOWER), row.output(UPPER))}"
        f"<td class=n>{_number(row.output(SCORE))}{_verdict(row)}<td class=n>{age}</tr>"
    )


def _band(lower: float, upper: float) -> str:
    return f"{_number(lower)} … {_number(upper)}" if np.isfinite(lower) or np.isfinite(upper) else ""


def _verdict(row: Row) -> str:
    """The level of the alert, the type of the anomaly, and what the newest sample is where that is not clear."""
    flag = row.output(ANOMALY)
    judged = not np.isfinite(row.value) or not np.isfinite(row.output(YHAT))
    # A band and no verdict: the sample is left out, or the first ones are awaited.
    mark = {1.0: "anomaly", 0.0: "as expected"}.get(flag, "" if judged else "not judged")
    badge = f"<i class={row.level.word}>{row.level.word}</i> " if row.level else ""
    if row.kind:
        mark = row.kind.word.replace("_", " ") + (f"<small>{mark}</small>" if flag == 0 else "")
    tone = "bad" if flag == 1 else "good" if flag == 0 and not row.kind else "n"
    return f'<td class="verdict {tone}">{badge}{mark}'


def _hint(text: str) -> str:
    """Shown where the mouse rests."""
    return f' title="{escape(text)}"' if text else ""


def _skill(row: Row) -> str:
    """How well the forecast does."""
    skill = row.output(SKILL)
    if not np.isfinite(skill):
        return ""
    stand_in = "; seasonal naive stands in for the model" if row.output(FALLBACK) == 1 else ""
    return f"skill {skill:.2f}: 1 is perfect, 0 as good as seasonal naive{stand_in}"


def _coverage(row: Row) -> str:
    held = row.output(COVERAGE)
    asked = row.runner.line.judge.policy.interval_width
    return f"coverage: it has held {held:.1%} of the samples, {asked:.1%} asked" if np.isfinite(held) else ""


def _picture(row: Row) -> str:
    keys, values = row.runner.recent.kept
    if row.index >= len(keys) or keys[row.index] != row.key:
        return ""
    return picture(values[:, row.index].astype(np.float64))


def _card(runner: Runner, wanted: Filter, now: int, redact: Callable[[str], str]) -> str:
    report, alias = runner.report, runner.line.alias
    data, model = runner.ages(now)
    flags = _latest(report, ANOMALY) if report else np.empty(0)
    counts = np.bincount(report.status, minlength=len(SeriesStatus)) if report else np.zeros(len(SeriesStatus), int)
    states = ", ".join(
        f'<a href="{escape(wanted.link(query=alias, state=s.word, page=1))}">{counts[s]} {s.word}</a>'
        for s in SeriesStatus
        if counts[s]
    )
    errors = runner.errors.copy()
    # A source that is down fails both ticks with the same words.
    ticks = {text: ", ".join(tick for tick in errors if errors[tick] == text) for text in errors.values() if text}
    wrong = [f"{tick}: {text}" for text, tick in ticks.items()]
    wrong += [f"{f.where}: {f.text}" for f in (report.failures[:5] if report else ())]
    return (
        f'<article><h2><a href="{escape(Filter(wanted.text, alias).link())}">{escape(alias)}</a></h2>'
        f"<code>{escape(redact(runner.line.query))}</code>"
        f"<p>{int(np.nansum(flags))} anomalous of {len(flags)} series: {states or 'none has arrived yet'}"
        f"<p>{_alerts(runner, wanted)}"
        f"<p>newest sample {_old(data)}, oldest model {_old(model)}"
        f"<p><small>{_budget(runner.line.judge.policy)}</small>"
        f"{''.join(f'<p class=bad>{escape(redact(text))}</p>' for text in wrong)}</article>"
    )


def _alerts(runner: Runner, wanted: Filter) -> str:
    """How many stand at each level, the highest first."""
    levels = runner.report.levels if runner.report else ()
    counts = np.bincount(levels, minlength=len(AlertLevel))
    shown = [
        f'<a href="{escape(wanted.link(query=runner.line.alias, level=level.word, page=1))}">'
        f"<i class={level.word}>{counts[level]} {level.word}</i></a>"
        for level in reversed(AlertLevel)
        if level and counts[level]
    ]
    return f"alerts: {' '.join(shown)}" if shown else "no alerts"


def _budget(policy: Policy) -> str:
    """What `judgement.false_alarms` asks for, in the shortest time that has one."""
    if not policy.enabled:
        return "no judgement"
    per, count = next(
        ((per, n) for per, days in _PER if (n := policy.false_alarms * days) > 1 - 1e-9),
        ("a month", policy.false_alarms * 30),
    )
    return f"false-alarm budget {count:.3g} {per} for each series"


def _latest(report: Report, output: str) -> Floats:
    columns = report.scores.newest()
    return report.scores.outputs[output][np.arange(len(columns)), columns]


def _old(seconds: float | None) -> str:
    return "none" if seconds is None else f"{roughly(seconds)} old"


def _number(value: float) -> str:
    """Four digits that tell, with a prefix for large ones; nothing for no number."""
    if not np.isfinite(value):
        return ""
    value = float(f"{value:.4g}")  # what is shown has the prefix: 9999.8 is 10 k
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size <= abs(value) < 1e15:
            unit = 1e3 if prefix == "k" else size
            return f"{value / unit:.4g} {prefix}"
    return f"{value:.4g}"


def _select(name: str, chosen: str, names: Iterable[str], every: str, more: str = "") -> str:
    options = "".join(
        f'<option value="{escape(n)}"{" selected" if n == chosen else ""}>{escape(n)}{more}</option>' for n in names
    )
    return f'<select name={name} aria-label="{name}"><option value="">{every}</option>{options}</select>'


def _form(wanted: Filter, runners: Sequence[Runner]) -> str:
    return (
        f'<form><input name=q placeholder="name or label" value="{escape(wanted.text)}">'
        + _select("query", wanted.query, [r.line.alias for r in runners], "every pipeline")
        + _select("state", wanted.state, STATES, "every state")
        + _select("type", wanted.type, TYPES, "every type")
        + _select("level", wanted.level, LEVELS, "every level", " or above")
        + "<button>show</button></form>"
    )


def _nothing(runners: Sequence[Runner], wanted: Filter) -> str:
    if not any(r.report for r in runners):
        text = "nothing has been read yet"
    else:
        text = "there are no series" if wanted == Filter(page=wanted.page) else "no series like that"
    return f"<tr><td colspan=9>{text}</tr>"


def _pager(wanted: Filter, page: int, pages: int, rows: int) -> str:
    before = f'<a href="{escape(wanted.link(page=page - 1))}">before</a> ' if page > 1 else ""
    after = f' <a href="{escape(wanted.link(page=page + 1))}">after</a>' if page < pages else ""
    return f"<p class=pager>{before}page {page} of {pages}, {rows} series{after}</p>"
