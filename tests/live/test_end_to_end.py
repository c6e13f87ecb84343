"""The main job, on real input: a Prometheus with two weeks of history, an exporter that goes on, Sentio, and
that Prometheus scraping Sentio."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sentio import build, catalog
from sentio.config.load import load
from sentio.demo.series import Series, under_target
from sentio.store import Store
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Panel, SeriesKey
from tests.servers import Exporter, Page, Prometheus, SentioProcess, Watch, running_prometheus, until

METRIC = "the_metric"
HOSTS = [f"h{i:02}" for i in range(20)]
EVERY_S = 2
SCRAPE_S = 1
TTL_S = 6
DAYS = 14
SPACING_S = 240
SIGMA = 1.0
STEP_UP = 8 * SIGMA
JOIN = "on(instance, job, host)"


def level(host: int, t: np.ndarray | float) -> np.ndarray:
    """What is normal: a daily shape of its own for each host."""
    turn = 2 * np.pi * np.asarray(t) / 86_400
    return 100 + 10 * host + 10 * np.sin(turn + host) + 3 * np.cos(2 * turn)


def history(exporter: str, now: float) -> list[Series]:
    end = int(now) - 5
    seconds = np.arange(end - DAYS * 86_400, end, SPACING_S)
    target = {"job": "demo", "instance": exporter}
    rng = np.random.default_rng(1)
    return [
        Series(
            under_target(SeriesKey(METRIC, (("host", host),)), target),
            seconds.astype(np.int64) * SECOND,
            level(i, seconds) + SIGMA * rng.normal(size=len(seconds)),
        )
        for i, host in enumerate(HOSTS)
    ]


@dataclass
class Live:
    """What the exporter shows: noise within 1.5 σ, so that whatever is flagged was put there."""

    exporter: Exporter

    def key(self, host: str) -> SeriesKey:
        return SeriesKey(METRIC, (("host", host),))

    def show(self, host: str, shift: float = 0.0) -> None:
        i = HOSTS.index(host)
        noise = np.clip(np.random.default_rng(100 + i).normal(size=9973), -1.5, 1.5) * SIGMA
        self.exporter.series[self.key(host)] = lambda t: float(level(i, t) + noise[int(t * 10) % 9973] + shift)

    def hide(self, host: str) -> None:
        del self.exporter.series[self.key(host)]


@dataclass
class Stage:
    live: Live
    prometheus: Prometheus
    sentio: SentioProcess
    watch: Watch
    ticks: float
    """Score ticks from the first fit of all series to their bands."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("end_to_end")
    with Exporter(METRIC) as exporter:
        live = Live(exporter)
        for host in HOSTS:
            live.show(host)
        sentio = SentioProcess(folder / "sentio")
        before = history(exporter.address, time.time())
        with running_prometheus(
            folder, history=before, exporter=exporter.address, sentio=sentio.address, interval=SCRAPE_S
        ) as prometheus:
            sentio.configure(configuration(prometheus.url))
            with sentio, Watch(sentio.page) as watch:
                fitted = until(lambda: watch.first(all_fitted), 40, "the first fit of all series")
                shown = until(lambda: watch.first(has("sentio_yhat", HOSTS[-1])), 40, "the bands are published")
                pages = dict(watch.seen)
                yield Stage(live, prometheus, sentio, watch, score_ticks(pages[shown]) - score_ticks(pages[fitted]))


def configuration(prometheus: str) -> dict[str, object]:
    every = f"{EVERY_S}s"
    return {
        "sources": {"prometheus": {"type": "prometheus", "url": prometheus, "timeout": "30s"}},
        "pipelines": {
            "load": {
                "source": "prometheus",
                "query": METRIC,
                "step": every,
                "ttl": f"{TTL_S}s",
                "train": {"window": f"{DAYS}d", "max_points": 1000},
                "score": {"every": every},
                # What is recomputed below is the detector's own band.
                "judgement": {"enabled": False},
            }
        },
    }


def score_ticks(page: Page) -> float:
    return page.get("sentio_ticks_total", tick="score", outcome="ok") or 0


def all_fitted(page: Page) -> bool:
    return page.get("sentio_fits_total", state="ready") == len(HOSTS)


def flagged(page: Page) -> set[str]:
    return {dict(labels)["host"] for labels, v in page.all("sentio_anomaly").items() if v == 1}


def has(name: str, host: str) -> Callable[[Page], bool]:
    return lambda page: page.get(name, host=host) is not None


def test_bands_join_the_metric_on_its_own_labels(stage: Stage) -> None:
    """Within two score ticks of the first fit, and on the next scrape."""
    assert stage.ticks <= 2
    query = f"{METRIC} - {JOIN} sentio_yhat"
    until(lambda: len(stage.prometheus.instant(query)) == len(HOSTS), 5, query)
    off = {labels["host"]: value for labels, value in stage.prometheus.instant(query)}
    assert set(off) == set(HOSTS)
    assert max(map(abs, off.values())) < 4 * SIGMA
    for condition in (
        f"sentio_yhat_lower < {JOIN} {METRIC}",
        f"sentio_yhat_upper > {JOIN} {METRIC}",
        f"{METRIC} * {JOIN} group_left(query, metric) (sentio_anomaly == 0)",
        'sentio_forecast{horizon="5m"}',
        'sentio_forecast_upper{horizon="1h"} > ' + "sentio_forecast_lower",
    ):
        assert len(stage.prometheus.instant(condition)) == len(HOSTS), condition
    (labels, _), *_ = stage.prometheus.instant("sentio_yhat")
    assert labels == {
        "__name__": "sentio_yhat",
        "job": "demo",
        "instance": stage.live.exporter.address,
        "host": labels["host"],
        "metric": METRIC,
        "query": "load",
    }


def test_the_flag_agrees_with_the_band_at_the_samples_own_time(stage: Stage) -> None:
    """Of several ticks: a scrape is stored up to a second after its time, and one or the other is missed on a busy
    machine; a band of another tick would be so at each of them."""
    late: dict[int, float] = {}

    def look() -> bool:
        seen, page = stage.watch.seen[-1]
        at, scraped = check_page(stage, seen, page, faulty=set())
        late[at] = at - scraped
        return len(late) >= 3 and min(late.values()) < EVERY_S

    until(look, 30, "samples at their own time")


def check_page(stage: Stage, seen: float, page: Page, faulty: set[str]) -> tuple[int, float]:
    """What is published, against the band worked out anew from the saved model: it is that of one tick, and the
    samples had been scraped by then. Both times in seconds: of the tick, and of the scrape."""
    values = {dict(labels)["host"]: v for labels, v in page.all("sentio_value").items()}
    assert set(values) == set(HOSTS)
    pipeline = load([stage.sentio.config], {}).pipelines["load"]
    store = Store(stage.sentio.config.with_name("sentio.db"))
    state = store.load("load", build.fingerprint(pipeline))
    store.close()
    assert state is not None
    detector = catalog.resolve("detectors", "prophet")(pipeline.detector.options, None)
    hosts = [dict(key.labels)["host"] for key in state.keys]
    ticks = np.arange(int(seen) // EVERY_S - 15, int(seen) // EVERY_S + 1, dtype=np.int64) * EVERY_S
    samples = np.repeat([[values[host]] for host in hosts], len(ticks), axis=1)
    _, scores = detector.score(state, Panel(state.keys, ticks * SECOND, samples))
    expected = np.array([page.get("sentio_yhat", host=host) for host in hosts])
    (column,) = np.flatnonzero((np.abs(scores.outputs[YHAT] / expected[:, None] - 1) < 1e-9).all(axis=0))
    for i, host in enumerate(hosts):
        shown = {name: page.get(f"sentio_{name}", host=host) for name in (YHAT, LOWER, UPPER, SCORE, ANOMALY)}
        assert shown == pytest.approx({name: scores.outputs[name][i, column] for name in shown}, rel=1e-9), host
        assert shown[LOWER] < shown[YHAT] < shown[UPPER]
        assert shown[ANOMALY] == (not shown[LOWER] <= values[host] <= shown[UPPER]) == (host in faulty)
        edge = shown[UPPER] if values[host] > shown[YHAT] else shown[LOWER]
        assert shown[SCORE] == pytest.approx((values[host] - shown[YHAT]) / (edge - shown[YHAT]))
    return int(ticks[column]), scraped_by(stage.prometheus, values, int(ticks[column]))


def scraped_by(prometheus: Prometheus, values: dict[str, float], tick: int) -> float:
    """When the samples were those, in the last scrape up to ``tick`` in which they were, all of them at once."""
    scrapes = [
        {t for t, v in prometheus.samples(f'{METRIC}{{host="{host}"}}', "10m") if v == value and t <= tick}
        for host, value in values.items()
    ]
    return max(set.intersection(*scrapes))


def test_a_step_of_eight_sigma_is_flagged_with_its_value_and_cleared_after(stage: Stage) -> None:
    host = "h03"
    began = time.time()
    stage.live.show(host, STEP_UP)
    seen = until(lambda: stage.watch.first(lambda p: flagged(p) == {host}, began), 10, "the step is flagged")
    page = next(p for at, p in stage.watch.seen if at == seen)
    check_page(stage, seen, page, faulty={host})
    assert page.get("sentio_anomaly_score", host=host) == pytest.approx(
        8 / 2.58, abs=1.6
    )  # 4 σ of the sample's own noise
    until(
        lambda: {labels["host"] for labels, _ in stage.prometheus.instant("sentio_anomaly == 1")} == {host},
        5,
        "the flag is in Prometheus",
    )
    ended = time.time()
    stage.live.show(host)
    cleared = until(lambda: stage.watch.first(lambda p: not flagged(p), ended), 10, "the flag is cleared")
    for at, page in list(stage.watch.seen):
        if (value := page.get("sentio_value", host=host)) is not None:
            stepped = value - level(HOSTS.index(host), at) > STEP_UP / 2
            assert (host in flagged(page)) == stepped, f"at {at} the flag was not that of the value"
        assert flagged(page) <= ({host} if began <= at <= cleared else set()), f"flagged at {at}"
    assert stage.prometheus.instant(f'max_over_time(sentio_anomaly{{host!="{host}"}}[10m]) > 0') == []


def test_a_series_that_disappears_and_returns(stage: Stage) -> None:
    host, vanished = "h07", stage.sentio.page().get("sentio_series_vanished_total") or 0
    left = time.time()
    stage.live.hide(host)
    no_value = until(
        lambda: stage.watch.first(lambda p: not has("sentio_value", host)(p), left), 10, "its value is not shown"
    )
    no_band = until(
        lambda: stage.watch.first(lambda p: not has("sentio_yhat", host)(p), left), 20, "its band is not shown"
    )
    assert no_band - no_value >= TTL_S - 2 * EVERY_S
    assert no_band - left >= TTL_S - SCRAPE_S
    page = stage.sentio.page()
    assert not [name for name, labels in page.samples if ("host", host) in labels]
    assert page.get("sentio_series_vanished_total") == vanished + 1
    assert len(page.all("sentio_yhat")) == len(HOSTS) - 1
    until(lambda: not stage.prometheus.instant(f'sentio_yhat{{host="{host}"}}'), 5, "Prometheus has marked it stale")
    fits = page.get("sentio_fits_total", state="ready")
    back = time.time()
    stage.live.show(host)
    returned = until(lambda: stage.watch.first(has("sentio_value", host), back), 10, "its value is back")
    page = next(p for at, p in stage.watch.seen if at == returned)
    assert page.get("sentio_anomaly", host=host) == 0
    assert page.get("sentio_fits_total", state="ready") == fits, "nothing was fitted anew"


def test_prometheus_has_nothing_to_complain_about(stage: Stage) -> None:
    until(lambda: stage.prometheus.instant('up{job="sentio"}')[0][1] == 1, 5, "it is scraped")
    complaints = [line for line in stage.prometheus.log.splitlines() if re.search("level=(warn|error)", line)]
    assert complaints == []
    own = stage.prometheus.own_metrics()
    for what in ("duplicate_timestamp", "out_of_order", "out_of_bounds"):
        assert own.get(f"prometheus_target_scrapes_sample_{what}_total") == 0
    taken = 'scrape_samples_scraped{job="sentio"} == scrape_samples_post_metric_relabeling{job="sentio"}'
    until(
        lambda: [v for _, v in stage.prometheus.instant(taken)] == [len(stage.sentio.page().samples)],
        5,
        "every sample of the page is taken",
    )


def test_promtool_has_nothing_to_say_about_the_page(stage: Stage, tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.write_text(stage.sentio.page().text)
    with page.open() as file:
        said = subprocess.run(["promtool", "check", "metrics"], stdin=file, capture_output=True, text=True)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_sentio_has_nothing_to_complain_about(stage: Stage) -> None:
    assert not re.search("level=(warning|error)|Traceback", stage.sentio.log), stage.sentio.log
    ticks = stage.sentio.page().all("sentio_ticks_total").items()
    outcomes = {dict(labels)["outcome"] for labels, count in ticks if count}
    assert "ok" in outcomes
    assert not outcomes & {"failed", "abandoned"}
