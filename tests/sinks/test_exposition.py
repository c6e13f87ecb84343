"""The page: whatever the labels and values, a scraper gets back the same series."""

from __future__ import annotations

import contextlib
import math
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from sentio.config.model import LegacyNames
from sentio.deflated import Deflated
from sentio.errors import SinkError
from sentio.judgement.judge import BIAS, COVERAGE, FALLBACK, SKILL
from sentio.judgement.kinds import Kind
from sentio.reports import AlertLevel, Report
from sentio.sinks import exposition as exposition_module
from sentio.sinks.exposition import FAMILIES, RESERVED, Exposition
from sentio.types import ANOMALY, LOWER, PVALUE, SCORE, SECOND, UPPER, YHAT, Forecast, Scores, SeriesKey
from tests.core.test_runner import A, B
from tests.web.support import judged

NOW = 1_700_000_000 * SECOND
TTL = 300 * SECOND
NAMES = st.from_regex(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,6}", fullmatch=True)  # the client refuses a leading __
LABELS = st.dictionaries(
    NAMES | st.sampled_from(RESERVED), st.text(st.characters(codec="utf-8"), max_size=9), max_size=4
)
LEVELS = st.sampled_from(AlertLevel)
TYPES = {kind: kind.word for kind in Kind if kind != Kind.NONE}
NUMBERS = st.floats(width=64) | st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -0.0, 5e-324, 1.0, 0.0])


AHEAD = ("sentio_forecast", "sentio_forecast_lower", "sentio_forecast_upper")
STANDARD = (YHAT, LOWER, UPPER, SCORE, ANOMALY, PVALUE, COVERAGE, SKILL, BIAS, FALLBACK)


def report(keys, value, alias: str = "q", horizons=(300, 3600), columns: int = 1, at: int = NOW, further=()) -> Report:
    """Every output of every series has ``value``, or the row of it that is the series'."""
    keys = tuple(keys)
    values = np.broadcast_to(np.asarray(value, float).reshape(-1, 1), (len(keys), columns)).copy()
    outputs = {name: values.copy() for name in (*STANDARD, *further)}
    times = at - SECOND * np.arange(columns)[::-1]
    ahead = np.repeat(values[:, :1], len(horizons), axis=1)
    forecast = Forecast(keys, at + SECOND * np.array(horizons), ahead, ahead, ahead, at)
    return Report(alias, at, Scores(keys, times, values, outputs), forecast, np.ones(len(keys), np.int8))


def exposition(legacy: LegacyNames | None = None, **by_alias: LegacyNames) -> Exposition:
    return Exposition(ttl=lambda _: TTL, legacy=lambda alias: by_alias.get(alias, legacy))


def samples(page: str, parse=parse_text) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = {}
    for family in parse(page):
        for s in family.samples:
            key = (s.name, frozenset(s.labels.items()))
            assert key not in found, f"twice: {key}"
            assert s.timestamp is None
            found[key] = s.value
    return found


def text_of(sink: Exposition, now: int = NOW) -> str:
    text = sink.page(now).text
    one = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert one.decompress(text.gzipped(b"more\n")) == text.plain() + b"more\n"
    assert (one.eof, one.unused_data) == (True, b"")  # one member: browsers read no other
    return text.plain().decode()


def published(key: SeriesKey, alias: str, **more: str) -> frozenset[tuple[str, str]]:
    """The labels that a series should have: a second writing of the rule, plainly."""
    labels: dict[str, str] = {}
    for name, value in key.labels:
        free = (n for n in ("exported_" * i + name for i in range(9)) if n not in RESERVED and n not in labels)
        labels[next(free)] = value
    return frozenset({**labels, "metric": key.name or alias, "query": alias, **more}.items())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["", "m", "a:b"]), LABELS), max_size=6), st.data())
def test_whatever_the_labels_and_values_the_same_series_come_back(rows, data):
    keys = list(dict.fromkeys(SeriesKey.of({"__name__": name, **labels}) for name, labels in rows))
    wanted = [published(k, "q") for k in keys]
    keys = [k for i, k in enumerate(keys) if wanted[i] not in wanted[:i]]  # twins have a test of their own
    values, kinds, levels = ([data.draw(one) for _ in keys] for one in (NUMBERS, st.sampled_from(Kind), LEVELS))
    sink = exposition()
    sink.emit(replace(report(keys, values), kinds=np.array(kinds, np.int8), levels=np.array(levels, np.int8)))
    page = text_of(sink)
    expected = {}
    for key, value, kind, level in zip(keys, values, kinds, levels, strict=True):
        if math.isfinite(value):
            for name in FAMILIES.keys() - {"sentio_output", "sentio_anomaly_type", "sentio_alert_level"}:
                for horizon in ("5m", "1h") if name in AHEAD else (None,):
                    more = {"horizon": horizon} if horizon else {}
                    expected[name, published(key, "q", **more)] = value
        # These are of the series, whether or not it has a sample.
        expected["sentio_alert_level", published(key, "q")] = level
        if kind != Kind.NONE:
            for one, word in TYPES.items():
                expected["sentio_anomaly_type", published(key, "q", type=word)] = float(one == kind)
    assert samples(page) == expected
    assert samples(page + "# EOF\n", parse_openmetrics) == expected


def test_the_newest_sample_of_each_series_is_published_and_the_forecast_of_one_that_is_missing():
    keys = (SeriesKey("a"), SeriesKey("b"), SeriesKey("c"))
    r = report(keys, [1, 2, 3], columns=3)
    r.scores.values[:] = [[1, 2, 3], [4, 5, np.nan], [np.nan] * 3]
    for name, output in r.scores.outputs.items():
        output[:] = r.scores.values * 10
        if name in (YHAT, LOWER, UPPER):
            output[:] = [[10, 20, 30], [40, 50, 60], [70, 80, 90]]
    sink = exposition()
    sink.emit(r)
    found = samples(text_of(sink))
    by_metric = {(name, dict(labels)["metric"]): value for (name, labels), value in found.items()}
    assert [by_metric.get(("sentio_value", m)) for m in "abc"] == [3, 5, None]
    assert [by_metric.get(("sentio_anomaly_score", m)) for m in "abc"] == [30, 50, None]
    assert [by_metric.get(("sentio_yhat", m)) for m in "abc"] == [30, 50, 90]


def types(page: str) -> dict[str, dict[str, float]]:
    """The state sets: by the label ``i`` of their series, each type's value."""
    found: dict[str, dict[str, float]] = {}
    for (name, labels), value in samples(page).items():
        if name == "sentio_anomaly_type":
            of = dict(labels)
            found.setdefault(of["i"], {})[of["type"]] = value
    return found


def test_the_type_is_a_state_set_of_each_series_with_an_anomaly_while_it_lasts():
    house, sink = judged(A, B), exposition()

    def tick() -> dict[str, str]:
        """The type that is 1, by series: of each set it is one, and all others are 0."""
        sink.emit(house.score())
        sets = types(text_of(sink, house.now))
        for of in sets.values():
            assert of.keys() == set(TYPES.values())
            assert sorted(of.values()) == [0.0] * (len(TYPES) - 1) + [1.0]
        return {i: max(of, key=of.__getitem__) for i, of in sets.items()}

    assert [tick() for _ in range(3)] == [{}] * 3
    house.source.bump[A] = 30.0
    up = [tick() for _ in range(8)]
    assert up[0] == {"a": "spike"}
    assert up[-1] == {"a": "level_shift"}
    house.source.gone[B] = (house.now, 2**62)
    assert [tick() for _ in range(4)][-1] == {"a": "level_shift", "b": "missing"}, "without a sample, too"
    house.source.bump.clear()
    house.source.gone.clear()
    assert [tick() for _ in range(12)][-1] == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # In the one the label is renamed to what the other has anyhow,
        ((("a-b", "x"),), (("a.b", "x"),)),
        # in these it then stands elsewhere among the labels.
        ((("exported_query", "x"), ("instance", "i")), (("instance", "i"), ("query", "x"))),
    ],
)
def test_series_that_cannot_be_told_apart_are_said_and_the_others_are_there(one, other):
    twins = [SeriesKey("m", one), SeriesKey("m", other), SeriesKey("m", (("a", "1"),))]
    sink = exposition()
    with pytest.raises(SinkError) as caught:
        sink.emit(report(twins, [1, 2, 3]))
    assert str(caught.value) == (
        "1 series have the labels of another and are not published, "
        f"the first is {twins[1]}; label sets that differ are expected"
    )
    assert caught.value.reason == "duplicate_labels"
    values = {labels: v for (name, labels), v in samples(text_of(sink)).items() if name == "sentio_value"}
    assert sorted(values.values()) == [1, 3]


def test_a_label_of_ours_and_its_exported_name_do_not_clash():
    key = SeriesKey("m", (("exported_query", "theirs"), ("query", "mine")))
    sink = exposition()
    sink.emit(report([key], 1.0))
    (labels,) = [dict(ls) for (name, ls) in samples(text_of(sink)) if name == "sentio_value"]
    assert labels == {"exported_query": "theirs", "exported_exported_query": "mine", "metric": "m", "query": "q"}


def test_what_has_expired_is_not_served():
    sink = exposition()
    sink.emit(report([SeriesKey("a")], 1.0, "first", at=NOW))
    sink.emit(report([SeriesKey("b")], 2.0, "second", at=NOW + TTL // 2))
    assert set(samples(text_of(sink, NOW + TTL - 1)).values()) == {1.0, 2.0}
    assert set(samples(text_of(sink, NOW + TTL)).values()) == {2.0}
    assert text_of(sink, NOW + 2 * TTL) == ""
    sink.emit(report([SeriesKey("a")], 1.0, "first", at=NOW + 2 * TTL))
    assert set(samples(text_of(sink, NOW + 2 * TTL)).values()) == {1.0}


def test_a_pipeline_that_is_dropped_is_gone():
    sink = exposition()
    sink.emit(report([SeriesKey("a")], 1.0, "first"))
    sink.emit(report([SeriesKey("b")], 2.0, "second"))
    sink.drop("first")
    assert set(samples(text_of(sink)).values()) == {2.0}


def test_a_report_is_compressed_once_whatever_else_is_on_the_page(monkeypatch):
    packed = []
    real = Deflated.of
    monkeypatch.setattr(Deflated, "of", lambda plain: packed.append(len(plain)) or real(plain))
    sink = exposition()
    sink.emit(report([SeriesKey("m", (("i", str(i)),)) for i in range(1000)], 1.0, "first"))
    packed.clear()
    sink.emit(report([SeriesKey("m")], 1.0, "second"))
    assert 0 < sum(packed) < len(text_of(sink)) / 50


def test_the_page_is_kept_compressed():
    keys = [SeriesKey("m", (("i", str(i)), ("padding", "x" * 200))) for i in range(1000)]
    sink, reports = exposition(), [report(keys, 1.0, "first"), report(keys, 2.0, "second")]
    tracemalloc.start()
    try:
        for r in (*reports, *reports):
            sink.emit(r)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < sink.page(NOW).text.size / 7  # the labels, mostly
    assert len(samples(text_of(sink))) == 2 * 17 * len(keys)


def test_outputs_of_a_detector_beyond_the_standard_ones_are_published():
    keys = [SeriesKey("m", (("output", "theirs"),)), SeriesKey("m")]
    r = report(keys, [1, 2], columns=2, further=("trend", 'day"s'))
    r.scores.outputs["trend"][:] = [[3, 4], [5, np.nan]]
    r.scores.outputs['day"s'][:] = [[np.nan, np.inf], [7, 8]]
    sink = exposition()
    sink.emit(r)
    page = text_of(sink)
    expected = {
        ("sentio_output", published(keys[0], "q", output="trend")): 4,
        ("sentio_output", published(keys[1], "q", output='day"s')): 8,
    }
    assert {k: v for k, v in samples(page).items() if k[0] == "sentio_output"} == expected
    assert samples(page + "# EOF\n", parse_openmetrics) == samples(page)
    assert f"# HELP sentio_output {FAMILIES['sentio_output']}\n# TYPE sentio_output gauge\n" in page


def test_series_that_come_and_go_keep_their_text():
    """However the keys change, the page is that of a sink that has never seen others."""
    keys = [SeriesKey("m", (("i", str(i)),)) for i in range(6)]
    twin = [SeriesKey("m", (("a-b", "x"),)), SeriesKey("m", (("a.b", "x"),))]
    sink = exposition()
    for these in (keys[:3], keys[:4], keys[::-1], [*keys[2:], twin[1]], keys[:1], [*twin, *keys]):
        fresh = exposition()
        r = report(these, range(len(these)), further=("trend",))
        for each in (sink, fresh):
            with contextlib.suppress(SinkError):
                each.emit(r)
        assert text_of(sink) == text_of(fresh)


def test_only_the_text_of_new_series_is_made(monkeypatch):
    made = []
    plain = exposition_module.label_text
    monkeypatch.setattr(exposition_module, "label_text", lambda key, alias: made.append(key) or plain(key, alias))
    sink, keys = exposition(), [SeriesKey("m", (("i", str(i)),)) for i in range(5)]
    sink.emit(report(keys[:4], 1.0))
    sink.emit(report(keys[1:], 1.0))
    assert made == keys


def test_the_first_sentios_names_do_not_replace_our_own():
    legacy = LegacyNames(prefix="sentio", label="i", horizon="5m")
    sink, plain = exposition(legacy), exposition()
    r = report([SeriesKey("m", (("i", "a"),))], 1.0)
    plain.emit(r)
    with pytest.raises(SinkError) as caught:
        sink.emit(r)
    assert caught.value.reason == "legacy_names"
    assert str(caught.value) == (
        "legacy_names.prefix gives sentio_yhat, which is a metric of Sentio's own; another prefix is expected"
    )
    assert text_of(sink) == text_of(plain)


def test_the_first_sentios_names_are_given_once():
    legacy = LegacyNames(prefix="cpu", label="i", horizon="5m")
    sink = exposition(legacy, other=LegacyNames(prefix="cpu", label="k", horizon="5m"))
    a, b, c = (SeriesKey("m", (("i", name), ("k", name))) for name in "abc")

    def old(page: str) -> dict[str, float]:
        return {dict(labels).get("i", "k"): v for (name, labels), v in samples(page).items() if name == "cpu_yhat"}

    sink.emit(report([a, b], [1, 2], "first"))
    with pytest.raises(SinkError) as caught:
        sink.emit(report([b, c], [3, 4], "second"))
    assert caught.value.reason == "legacy_names"
    assert str(caught.value) == (
        "1 series are published by another pipeline under the same legacy_names, and not again, "
        'the first is {i="b"}; a prefix of its own is expected'
    )
    assert old(text_of(sink)) == {"a": 1, "b": 2, "c": 4}
    sink.emit(report([a, b], [5, 6], "first"))
    assert old(text_of(sink)) == {"a": 5, "b": 6, "c": 4}
    sink.emit(report([b], [7], "other"))  # another label is another series
    assert old(text_of(sink)) == {"a": 5, "b": 6, "c": 4, "k": 7}
    sink.emit(report([b, c], [3, 4], "second", at=NOW + TTL))
    assert old(text_of(sink, NOW + TTL)) == {"b": 3, "c": 4}, "what has expired is free"


def test_both_kinds_of_twins_are_said():
    legacy = LegacyNames(prefix="sentio", label="i", horizon="5m")
    twins = [SeriesKey("m", (("a-b", "x"),)), SeriesKey("m", (("a.b", "x"),))]
    with pytest.raises(SinkError, match=r"have the labels of another.*; legacy_names\.prefix gives"):
        exposition(legacy).emit(report(twins, 1.0))


def test_the_first_sentios_names():
    legacy = LegacyNames(prefix="docker_cpu", label="container_name", horizon="30s", clamp_min=0)
    sink = exposition(legacy)
    keys = [
        SeriesKey("docker_cpu", (("container_name", "web"), ("cpu", "0"))),
        SeriesKey("docker_cpu", (("container_name", "web"), ("cpu", "1"))),
        SeriesKey("docker_cpu", (("container_name", 'd"b'),)),
        SeriesKey("docker_cpu", (("other", "x"),)),
    ]
    sink.emit(report(keys, [5, 6, -7, 8], horizons=(300, 30)))
    found = {k: v for k, v in samples(text_of(sink)).items() if k[0].startswith("docker_cpu")}
    assert found == {
        (f"docker_cpu_yhat{edge}", frozenset({("container_name", name)})): value
        for edge in ("", "_lower", "_upper")
        for name, value in (("web", 5.0), ('d"b', 0.0))
    }
