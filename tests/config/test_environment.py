"""The eight variables of the first Sentio."""

from __future__ import annotations

import pytest

from sentio.config.environment import from_environment
from sentio.config.model import DAY, HOUR, MINUTE
from sentio.errors import ConfigError
from sentio.types import SECOND

REQUIRED = {
    "PROMETHEUS": "http://prometheus:9090/api/v1/query",
    "METRIC_LABEL": "container_name",
    "METRIC_NAME": "cpu",
    "METRIC_TYPE": "docker_container_cpu_usage_percent",
}


def test_what_must_be_set_is_enough() -> None:
    config = from_environment(REQUIRED)
    assert list(config.sources) == ["prometheus"]
    assert config.sources["prometheus"].options.model_dump()["url"] == "http://prometheus:9090"
    assert list(config.pipelines) == ["cpu"]
    cpu = config.pipelines["cpu"]
    assert (cpu.source, cpu.query) == ("prometheus", "docker_container_cpu_usage_percent")
    assert cpu.train.window == 7 * DAY
    assert cpu.detector.options.model_dump()["changepoint_prior_scale"] == 1.0
    assert cpu.forecast.horizons == (30 * SECOND, 5 * MINUTE, HOUR)
    names = cpu.legacy_names
    assert names is not None
    assert (names.prefix, names.label) == ("docker_container_cpu_usage_percent", "container_name")
    assert (names.horizon, names.clamp_min) == (30 * SECOND, 0)


@pytest.mark.parametrize(
    "address",
    [
        "http://prometheus:9090",
        "http://prometheus:9090/",
        "http://prometheus:9090/api/v1/query",
        "http://prometheus:9090/api/v1/query/",
        " http://prometheus:9090 ",
    ],
)
def test_the_address(address: str) -> None:
    config = from_environment(REQUIRED | {"PROMETHEUS": address})
    assert config.sources["prometheus"].options.model_dump()["url"] == "http://prometheus:9090"


@pytest.mark.parametrize(
    ("periods", "frequency", "horizon"),
    [
        ("30", "s", 30 * SECOND),
        ("1", "min", MINUTE),
        ("5", "T", 5 * MINUTE),
        ("2", "h", 2 * HOUR),
        ("2", "H", 2 * HOUR),
        ("1", "D", DAY),
        ("4", "15s", MINUTE),
        ("12", "5min", HOUR),
        ("", "", 30 * SECOND),
    ],
)
def test_the_horizon(periods: str, frequency: str, horizon: int) -> None:
    config = from_environment(REQUIRED | {"PREDICTION_PERIODS": periods, "PREDICTION_FREQUENCY": frequency})
    cpu = config.pipelines["cpu"]
    assert cpu.legacy_names is not None
    assert cpu.legacy_names.horizon == horizon
    assert set(cpu.forecast.horizons) == {horizon, 5 * MINUTE, HOUR}


def test_the_other_values() -> None:
    config = from_environment(REQUIRED | {"DAYSBACK": "1d", "CHANGEPOINT_PRIOR_SCALE": "0.5"})
    cpu = config.pipelines["cpu"]
    assert cpu.train.window == DAY
    assert cpu.detector.options.model_dump()["changepoint_prior_scale"] == 0.5


def test_every_missing_variable_is_named() -> None:
    with pytest.raises(ConfigError) as refused:
        from_environment({"METRIC_LABEL": ""})
    expected = {
        "PROMETHEUS": "the address of Prometheus, such as http://prometheus:9090, is expected",
        "METRIC_LABEL": "the name of the label that tells the series apart is expected",
        "METRIC_NAME": "a short name for the query, such as cpu, is expected",
        "METRIC_TYPE": "the name of a metric in Prometheus is expected",
    }
    assert set(refused.value.problems) == {
        f"environment: {name}: is not set; {text}" for name, text in expected.items()
    }


BAD = {
    "PROMETHEUS": (
        "http://me:hunter2@prometheus:9090",
        "has a user name and password in it; put them under basic_auth, where they stay secret",
    ),
    "DAYSBACK": ("7", 'is "7"; a duration such as 15s, 5m or 14d is expected'),
    "PREDICTION_PERIODS": ("-1", 'is "-1"; a whole number from 1 up is expected'),
    "PREDICTION_FREQUENCY": ("fortnight", 'is "fortnight"; s, min, h or D is expected'),
    "CHANGEPOINT_PRIOR_SCALE": ("high", 'is "high"; a number such as 0.05 is expected'),
    "METRIC_LABEL": ("a-b", 'is "a-b"; a label name (letters, digits and _) is expected'),
    "METRIC_NAME": (
        "my cpu",
        "is no alias; letters, digits and _ . : - are expected, a letter, digit or _ first",
    ),
    "METRIC_TYPE": ("up{}", 'is "up{}"; a metric name (letters, digits, _ and :) is expected'),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_variable(name: str) -> None:
    value, text = BAD[name]
    with pytest.raises(ConfigError) as refused:
        from_environment(REQUIRED | {name: value})
    assert refused.value.problems == (f"environment: {name}: {text}",)


def test_all_of_them_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        from_environment({name: value for name, (value, _) in BAD.items()})
    assert sorted(refused.value.problems) == sorted(f"environment: {n}: {t}" for n, (_, t) in BAD.items())


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("DAYSBACK", "20s", "is 20s; at least two steps (30s) is expected"),
        ("CHANGEPOINT_PRIOR_SCALE", "-1", "is -1.0; a number from 0.000001 to 1000000 is expected"),
        ("CHANGEPOINT_PRIOR_SCALE", "nan", "is nan; a finite number is expected"),
        ("PREDICTION_PERIODS", "0", 'is "0"; a whole number from 1 up is expected'),
        ("PREDICTION_FREQUENCY", "0s", 'is "0s"; s, min, h or D is expected'),
        (
            "PROMETHEUS",
            "prometheus:9090",
            "is not a URL that starts with http:// or https://; one such as http://prometheus:9090 is expected",
        ),
    ],
)
def test_values_that_do_not_fit(name: str, value: str, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        from_environment(REQUIRED | {name: value})
    assert refused.value.problems == (f"environment: {name}: {text}",)


def test_a_prediction_beyond_all_time() -> None:
    bad = {"PREDICTION_PERIODS": "999999999", "PREDICTION_FREQUENCY": "D"}
    with pytest.raises(ConfigError) as refused:
        from_environment(REQUIRED | bad)
    text = "makes a prediction 999999999 × D ahead; at most 100y is expected"
    assert refused.value.problems == (f"environment: PREDICTION_PERIODS: {text}",)
