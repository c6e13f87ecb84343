"""The page for people: everything escaped, everything found."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

from sentio.judgement.judge import COVERAGE, FALLBACK, SKILL
from sentio.judgement.kinds import Kind
from sentio.judgement.policy import Policy
from sentio.recent import Recent
from sentio.reports import AlertLevel
from sentio.state import SeriesStatus
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Failure, Notes, Scores, SeriesKey
from sentio.web import view
from sentio.web.page import render
from sentio.web.view import Filter
from tests.core.test_excluded_samples import by_times
from tests.core.test_runner import STEP, A, B, House, ready
from tests.web.support import judged, made

EVIL = SeriesKey("m", (("i", "<script>alert(1)</script>"), ("j", "\"'&\n😀")))
page_row = view.Row
VOID = {"meta", "input", "link", "br"}


class Checker(HTMLParser):
    """Counts tags, and keeps what a browser would show."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.shown = ""
        self.feed(page)

    def handle_starttag(self, tag, _attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.shown += data


def show(house: House, **wanted) -> Checker:
    return Checker(render([house.runner], Filter(**wanted), house.now))


def test_what_came_from_outside_is_escaped():
    house = ready(EVIL)
    house.source.notes = Notes(failures=(Failure("<b>x", "histogram", "<i>why"),))
    house.score()
    house.runner.errors["train"] = "<script>boom</script>"
    page = show(house, text="<script>", query='"><script>', state="</select><script>")
    assert page.tags.count("script") == 1, "its own"
    page = show(house)
    assert page.tags.count("script") == 1, "its own"
    for text in ("<script>alert(1)</script>", "\"'&\n😀", "<b>x: <i>why", "<script>boom</script>"):
        assert text in page.shown


def test_what_is_being_typed_is_not_taken_away():
    """The page is made anew by a script, which knows whether somebody is in the form; by the browser without one."""
    page = html(ready(A))
    assert page.count("http-equiv") == page.count('<noscript><meta http-equiv="refresh" content="15"></noscript>') == 1
    (script,) = re.findall("<script>(.*?)</script>", page)
    assert script == "setInterval(() => document.activeElement?.form || location.reload(), 15000)"


def test_what_came_by_a_variable_is_taken_out():
    house = ready(A)
    house.source.notes = Notes(failures=(Failure("m", "histogram", "of m"),))
    house.score()
    page = render([house.runner], Filter(), house.now, redact=lambda text: text.replace("m", "<redacted>"))
    assert "<code>&lt;redacted&gt;</code>" in page
    assert "&lt;redacted&gt;: of &lt;redacted&gt;" in page


def test_why_both_ticks_failed_is_said_once():
    house = ready(A)
    house.runner.errors |= {"score": "main: is down", "train": "main: is down"}
    assert re.findall("<p class=bad>([^<]*)", html(house)) == ["score, train: main: is down"]
    house.runner.errors["train"] = "is full"
    assert re.findall("<p class=bad>([^<]*)", html(house)) == ["score: main: is down", "train: is full"]


def test_every_series_is_there_with_what_is_known_of_it():
    house = ready(A, B)
    house.source.bump[B] = 40
    report = house.score()
    page = show(house)
    row = report.scores.keys.index(B)
    shown = [report.scores.values[row, -1]] + [report.scores.outputs[n][row, -1] for n in (YHAT, LOWER, UPPER, SCORE)]
    for number in shown:
        assert f"{number:.4g}" in page.shown
    assert report.scores.outputs[ANOMALY][row, -1] == 1
    assert "1 anomalous of 2 series: 2 ready" in page.shown
    assert page.shown.index("i=b") < page.shown.index("i=a")  # the worst first
    assert page.tags.count("svg") == 2


def cells(page: str, name: str) -> list[str]:
    """The row of the series whose label is ``name``, cell by cell."""
    row = next(row for row in page.split("<tr>") if f"<b>i</b>={name}<" in row)
    return row.split("<td")[1:]


def html(house: House, **wanted) -> str:
    return render([house.runner], Filter(**wanted), house.now)


NORMAL = (Kind.NONE, AlertLevel.OK, "")
C, D, E = (SeriesKey("m", (("i", i),)) for i in "cde")
SOME = {
    A: NORMAL,
    B: (Kind.DIP, AlertLevel.OK, "Dip since 12:00."),
    C: (Kind.LEVEL_SHIFT, AlertLevel.CRITICAL, "Level shift since 11:00."),
    D: (Kind.SPIKE, AlertLevel.INFO, "Spike since 12:01."),
    E: (Kind.NONE, AlertLevel.WARNING, ""),
}


def test_a_row_says_the_type_the_level_and_the_sentence():
    page = html(made(SOME))
    shift, usual, dip = cells(page, "c"), cells(page, "a"), cells(page, "b")
    assert "<i class=critical>critical</i> level shift" in shift[7]
    assert "<p>Level shift since 11:00.</p>" in shift[0]
    assert "dip" in dip[7]
    assert "<i" not in dip[7], "it has no alert"
    assert "<p>" not in usual[0]
    assert usual[7] == ' class="verdict good">as expected'


def test_what_really_happens_is_told():
    house = judged(A, B)
    house.source.bump[B] = 40
    report = house.score()
    page = html(house)
    cell = cells(page, "b")
    assert "<i class=warning>warning</i> spike" in cell[7]
    assert f"<p>{report.texts[report.scores.keys.index(B)]}</p>" in cell[0]
    assert "false-alarm budget 1 a week" in page


def test_how_well_the_forecast_does_is_told_to_the_mouse():
    house = judged(A)
    outputs = house.runner.report.scores.outputs
    for name, value in ((COVERAGE, 0.987), (SKILL, 0.4251), (FALLBACK, 1.0)):
        outputs[name][:] = value
    said = [re.findall('title="([^"]*)"', cell) for cell in cells(html(house), "a")]
    assert said[4] == ["skill 0.43: 1 is perfect, 0 as good as seasonal naive; seasonal naive stands in for the model"]
    assert said[5] == ["coverage: it has held 98.7% of the samples, 99.0% asked"]
    assert "title=" not in html(ready(A)), "without a judge there is nothing to tell"


def test_a_series_without_a_band_has_none():
    house = judged(A)
    assert " … " in cells(html(house), "a")[5]
    for name in (LOWER, UPPER):
        house.runner.report.scores.outputs[name][:] = np.nan
    assert cells(html(house), "a")[5].endswith(">"), "the cell is empty"


def test_types_and_sentences_are_escaped():
    house = made({A: (Kind.SPIKE, AlertLevel.INFO, "<script>said</script>")})
    page = show(house, type="<script>", level='"><script>')
    assert page.tags.count("script") == 1, "its own"
    page = show(house)
    assert page.tags.count("script") == 1, "its own"
    assert "<script>said</script>" in page.shown


def test_a_series_that_has_stopped_is_marked():
    house = judged(A, B)
    for _ in range(20):
        house.score()
    house.source.gone[B] = (house.now, house.now + 10**15)
    for _ in range(5):
        report = house.score()
    assert report.kinds[report.scores.keys.index(B)] == Kind.MISSING
    page = html(house)
    assert "<i class=missing>missing</i>" in cells(page, "b")[3]
    assert "missing" not in "".join(cells(page, "a"))
    assert "Stopped arriving" in cells(page, "b")[0]


def test_alerts_come_first_then_incidents_then_the_score():
    house = made(SOME)
    house.runner.report.scores.outputs[SCORE][house.runner.report.scores.keys.index(A), :] = 1e6
    assert re.findall(r"<b>i</b>=(\w)", html(house)) == ["c", "e", "d", "b", "a"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"type": "dip"}, "b"),
        ({"type": "level_shift"}, "c"),
        ({"level": "info"}, "ced"),
        ({"level": "warning"}, "ce"),
        ({"level": "warning", "type": "spike"}, ""),
        ({"type": "none"}, ""),
        ({"level": "ok"}, ""),
    ],
)
def test_types_and_levels_are_found(wanted, found):
    page = html(made(SOME), **wanted)
    assert "".join(re.findall(r"<b>i</b>=(\w)", page)) == found
    for value in wanted.values():
        assert (f'<option value="{value}" selected>' in page) == (value not in ("none", "ok"))


def test_what_is_left_out_is_not_judged():
    house = by_times()
    house.score(9 * STEP)
    house.source.bump[A] = 500
    house.score(3 * STEP)
    assert cells(html(house), "a")[7] == ' class="verdict n">not judged'
    house.source.bump[A] = 0
    house.score(30 * STEP)
    assert cells(html(house), "a")[7] == ' class="verdict good">as expected'


def test_an_alert_keeps_the_type_of_an_incident_that_is_over():
    house = made({A: (Kind.NONE, AlertLevel.WARNING, "")})
    event = replace(house.runner.report.firing[0], kind="dip", text="Dip at 12:00.")
    house.runner.report = replace(house.runner.report, firing=(event,))
    page = html(house, type="dip")
    assert "dip<small>as expected</small>" in cells(page, "a")[7]
    assert "<p>Dip at 12:00.</p>" in cells(page, "a")[0]


def test_a_card_counts_the_alerts_by_level():
    page = html(made({**SOME, SeriesKey("m", (("i", "f"),)): SOME[D]}))
    found = re.findall(r'<a href="([^"]*)"><i class=\w+>([^<]*)</i>', page)
    assert [(unescape(href), text) for href, text in found] == [
        ("?query=q&level=critical", "1 critical"),
        ("?query=q&level=warning", "1 warning"),
        ("?query=q&level=info", "2 info"),
    ]
    assert "no alerts" not in page
    assert "no alerts" in html(ready(A))


@pytest.mark.parametrize(
    ("rate", "said"),
    [(1 / 7, "1 a week"), (3, "3 a day"), (24, "1 an hour"), (0.5 / 30, "0.5 a month"), (0.5 / 7, "2.14 a month")],
)
def test_the_budget_is_said_as_it_was_asked_for(rate, said):
    house = judged(A, policy=Policy(false_alarms=rate))
    assert f"false-alarm budget {said} for each series" in html(house)
    assert "no judgement" in html(ready(A))


def test_what_is_shown_is_found():
    odd = SeriesKey("", (("path", 'C:\\"x"'), ("pod", "pod-00001")))
    house = ready(odd, A)
    for text in ("Q", "pod=pod-00001", 'C:\\"x" pod=', 'path="C:', 'pod="POD-00001"', 'C:\\"x"'):
        assert "pod=pod-00001" in show(house, text=text).shown, text
        assert "i=a" not in show(house, text=text).shown, text
    assert "no series like that" in show(house, text="pod=pod-00002").shown


def test_no_series_at_all_is_said_so():
    house = ready(A)
    house.source.keys = ()
    house.score(house.timing.ttl + STEP)
    house.score()
    assert "there are no series" in show(house).shown
    assert "no series like that" in show(house, text="a").shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (9999.4, "9999"), (9999.8, "10 k"), (-9999.8, "-10 k"), (12346.0, "12.35 k"), (999_940.0, "999.9 k"),
        (999_960.0, "1 M"), (999_960_000.0, "1 G"), (1e15, "1e+15"), (0.54941, "0.5494"), (0.0, "0"), (np.nan, ""),
    ],
)  # fmt: skip
def test_a_number_has_the_prefix_of_what_is_shown(value, shown):
    house = ready(A)
    house.runner.report.scores.values[:] = value
    assert cells(html(house), "a")[3] == f" class=n>{shown}"


def test_ages_are_said_as_on_the_cards():
    house = ready(A)
    assert cells(html(house), "a")[8].startswith(" class=n>0 s<")
    house.now += 80_894 * SECOND
    page = html(house)
    assert cells(page, "a")[8].startswith(" class=n>22 h<")
    assert "newest sample 22 h old" in page


def test_what_is_chosen_and_drawn_is_told_to_who_does_not_see_it():
    page = html(ready(A))
    assert re.findall('<select name=(\\w+) aria-label="(\\w+)">', page) == [
        (name, name) for name in ("query", "state", "type", "level")
    ]
    assert page.count("<svg") == page.count('aria-hidden="true"') == 1, "the numbers stand beside it"


def test_what_is_asked_for_is_shown():
    house = ready(A, B)
    assert [t in show(house, text='I="B"').shown for t in ("i=a", "i=b")] == [False, True]
    assert "no series like that" in show(house, state="failed").shown
    assert "no series like that" in show(house, query="other").shown
    assert "i=a" in show(house, query="q", state="ready").shown


def test_many_series_come_in_pages():
    house = House(*(SeriesKey("m", (("i", f"{i:03d}"),)) for i in range(250)))
    house.score(0)
    first, last = show(house), show(house, page=99)
    assert "page 1 of 3, 250 series" in first.shown
    assert "page 3 of 3, 250 series" in last.shown
    assert first.shown.count("learning") > 100
    assert first.tags.count("tr") == 101
    assert last.tags.count("tr") == 51


def test_a_series_that_is_learned_still_says_how_far_it_is():
    house = House(A)
    house.source.since = house.now - 100 * SECOND
    house.train()
    house.score(0)
    assert "11 samples" in show(house).shown
    assert "nothing has been read yet" in show(House(A)).shown


def test_the_worst_of_all_pipelines_come_first():
    houses = [House(*(SeriesKey("m", (("i", f"{name}{i:03d}"),)) for i in range(80))) for name in "ab"]
    scores = np.random.default_rng(0).permutation(160).astype(float)
    expected = {}
    for house, ranks in zip(houses, (scores[:80], scores[80:]), strict=True):
        house.score(0)
        report = house.runner.report
        report.scores.outputs[SCORE][:] = ranks[:, None]
        expected |= {rank: dict(k.labels)["i"] for rank, k in zip(ranks.tolist(), report.scores.keys, strict=True)}
    runners = [h.runner for h in houses]
    shown = [
        re.findall(r"</b>=(\w\d{3})", render(runners, Filter(text=text, page=page), houses[0].now))
        for text, page in (("", 1), ("", 2), ('i="b0', 1))
    ]
    order = [expected[rank] for rank in sorted(expected, reverse=True)]
    assert shown == [order[:100], order[100:], [name for name in order if name[0] == "b"]]


def test_rows_are_made_only_of_what_is_shown(monkeypatch):
    house = House(*(SeriesKey("m", (("i", f"{i:03d}"),)) for i in range(250)))
    house.score(0)
    made, asked = [], []
    monkeypatch.setattr(view, "Row", lambda *args: made.append(args) or page_row(*args))
    monkeypatch.setattr(SeriesKey, "__str__", lambda key: asked.append(key) or "")
    show(house)
    assert (len(made), asked) == (100, [])


def test_how_far_each_series_is_stands_with_it():
    house = House(A, B)
    house.source.since = house.now - 100 * SECOND
    house.train()
    house.score(0)
    state = house.runner.state
    state.arrays["samples"][:] = [{A: 7, B: 9}[key] for key in state.keys]
    state.arrays["status"][:] = SeriesStatus.LEARNING
    shown = show(house).shown
    for name, samples in (("i=a", "7 samples"), ("i=b", "9 samples")):
        assert shown[shown.index(name) :].split("samples")[0].split()[-1] + " samples" == samples


def test_a_page_made_while_a_tick_writes_is_whole():
    """A reader may come between any two steps of `Recent.add`."""
    seen = []

    class Watched(Recent):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if hasattr(self, "kept"):
                keys, values = self.kept
                seen.append(values.shape == (4, len(keys), 60))

    recent = Watched()
    for count in (3, 9, 1):
        keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(count))
        some = np.ones((count, 2))
        recent.add(Scores(keys, np.arange(2), some, {YHAT: some, LOWER: some, UPPER: some}))
    assert seen == [True] * 4
    assert set(vars(recent)) == {"kept"}


@pytest.mark.parametrize("page", ["x", "-1", "0", "9" * 30, "², "])
def test_a_page_that_is_none_is_the_first(page):
    assert Filter.of({"page": page}).page == 1
