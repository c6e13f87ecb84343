"""The page about alerts has the whole language, and nothing that cannot be read."""

from __future__ import annotations

import re

import pytest

from sentio.alerting import parse
from sentio.alerting.operands import ARITHMETIC, COMPARISONS, FUNCTIONS
from sentio.alerting.tokens import KEYWORDS
from sentio.judgement.kinds import Kind
from tests.docs.pages import ROOT, rows, section

CONDITIONS = section((ROOT / "docs/alerting.md").read_text("utf-8"), "## Conditions")
TABLE = " ".join(how for _, how, _ in rows(CONDITIONS))


@pytest.mark.parametrize(
    "word", [*KEYWORDS, *FUNCTIONS, "smooth", *ARITHMETIC, *COMPARISONS, "score", "pvalue", "value", "yhat"]
)
def test_every_word_is_in_the_table(word: str) -> None:
    within = r"\w" if word.isalpha() else "[<>=!]"
    assert re.search(rf"(?<!{within}){re.escape(word)}(?!{within})", TABLE)


def test_every_function_of_the_table_is_there() -> None:
    named = set(re.findall(r"`(\w+)\(", TABLE))
    assert named == {*FUNCTIONS, "smooth"}


@pytest.mark.parametrize("text", re.findall(r"`((?:not )?(?:score|value) [^`]*)`", CONDITIONS))
def test_conditions_of_the_text_can_be_read(text: str) -> None:
    if text != "1 < score < 3":
        parse(text)


def test_the_numbers_of_the_types_are_those_of_the_judge() -> None:
    said = section((ROOT / "docs/alerting.md").read_text("utf-8"), "## Conditions")
    numbered = said[said.index("`anomaly_type` is a number:") :].split(".")[0]
    found = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", numbered)}
    assert found == {kind.word: int(kind) for kind in Kind}
