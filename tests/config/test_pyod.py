"""What `sentio check` says of a block `type: pyod`."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentio.config.load import load
from sentio.errors import ConfigError

HEAD = """sources: {prom: {type: prometheus, url: "http://localhost:9090"}}
pipelines:
  cpu:
    source: prom
    query: up
    detector:
      type: pyod
"""


def refused(folder: Path, options: str) -> list[str]:
    file = folder / "c.yml"
    file.write_text(HEAD + options, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load([file], {})
    return [problem.removeprefix(f"{file}:") for problem in caught.value.problems]


def test_every_option(tmp_path: Path) -> None:
    file = tmp_path / "c.yml"
    options = (
        "      models: [{name: IForest, params: {n_estimators: 20, max_features: 0.5}}, {name: ECOD}]\n"
        "      combine: max\n      train_samples: 100\n      min_samples: 20\n      threshold: 1\n      seed: 3\n"
        "      preprocess: {diff: 0, smooth: 1, lags: 0, resample: 1h, aggregate: sum}\n"
    )
    file.write_text(HEAD + options, "utf-8")
    made = load([file], {}).pipelines["cpu"].detector.options
    assert [m.name for m in made.models] == ["IForest", "ECOD"]
    assert made.models[0].params == {"n_estimators": 20, "max_features": 0.5}
    assert made.preprocess.resample == 3_600_000_000_000


def test_a_model_that_there_is_not(tmp_path: Path) -> None:
    (found,) = refused(tmp_path, "      models: [{name: KNN}, {name: IsoForest}]\n")
    assert found.startswith(
        '8: pipelines.cpu.detector.models[1].name: is "IsoForest", which is no model of PyOD\'s that judges one sample '
        "by itself; ABOD, "
    )
    assert found.endswith(" is expected (did you mean IForest?)")


def test_a_parameter_that_there_is_not(tmp_path: Path) -> None:
    (found,) = refused(tmp_path, "      models: [{name: COPOD, params: {contaminaton: 0.1}}]\n")
    assert found == (
        "8: pipelines.cpu.detector.models[0].params.contaminaton: is no parameter of COPOD; "
        "contamination or n_jobs is expected (did you mean contamination?)"
    )


def test_a_value_that_the_model_refuses(tmp_path: Path) -> None:
    (found,) = refused(tmp_path, "      models: [{name: PCA, params: {contamination: 0.9}}]\n")
    assert found == (
        "8: pipelines.cpu.detector.models[0].params: is refused by PCA (ValueError: contamination must be in (0, 0.5], "
        "got: 0.900000); other values are expected"
    )


def test_a_model_whose_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_name: str) -> type:
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setattr("sentio.detectors.pyod.models._class", absent)
    (found,) = refused(tmp_path, "      models: [{name: KNN}]\n")
    assert found == (
        '8: pipelines.cpu.detector.models[0].name: is "KNN", which cannot be imported (ModuleNotFoundError: No module '
        "named 'torch'); what it needs beside PyOD is expected to be installed"
    )


def test_more_to_begin_with_than_is_kept(tmp_path: Path) -> None:
    assert refused(tmp_path, "      train_samples: 20\n      min_samples: 30\n") == [
        "9: pipelines.cpu.detector.min_samples: is 30; at most train_samples (20) is expected"
    ]


@pytest.mark.parametrize("options", ["", "      models: [{name: PCA}]\n"])
def test_where_the_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str) -> None:
    monkeypatch.setattr("sentio.detectors.pyod.options.find_spec", lambda _: None)
    assert refused(tmp_path, options) == [
        '7: pipelines.cpu.detector.type: is "pyod", and the package pyod is not installed; '
        "pip install 'sentio[pyod]' is expected"
    ]
