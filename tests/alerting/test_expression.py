"""What an expression says, and what is said of one that cannot be read."""

from __future__ import annotations

import pytest

from sentio.alerting import ExpressionError, Rule, Rules, parse

from .work import NAN, Alerting, levels, scored, standard, warned


def holds(text: str, value: float = NAN, score: float = NAN) -> bool:
    _, outcome = (alerting := warned(text)).step(alerting.blank(()), standard(value, score))
    assert not outcome.failures
    return bool(outcome.level[0])


@pytest.mark.parametrize(
    ("text", "below", "same", "above"),
    [
        ("value < 5", True, False, False),
        ("value <= 5", True, True, False),
        ("value > 5", False, False, True),
        ("value >= 5", False, True, True),
        ("value == 5", False, True, False),
        ("value != 5", True, False, True),
        ("not value < 5", False, True, True),
        ("not value <= 5", False, False, True),
        ("not value > 5", True, True, False),
        ("not value >= 5", True, False, False),
        ("not value == 5", True, False, True),
        ("not value != 5", False, True, False),
        ("not not value > 5", False, False, True),
        ("value > 4 and value < 6", False, True, False),
        ("value < 5 or value > 5", True, False, True),
        ("not (value > 4 and value < 6)", True, False, True),
        ("not (value < 5 or value > 5)", False, True, False),
    ],
)
def test_comparison_and_logic(text: str, below: bool, same: bool, above: bool) -> None:
    assert [holds(text, value) for value in (4, 5, 6)] == [below, same, above]
    assert not holds(text, NAN, score=1), "with no number it does not hold, whatever is said of it"


@pytest.mark.parametrize(
    "text",
    [
        "value + 3 == 10",
        "value - 3 == 4",
        "value * 3 == 21",
        "value / 2 == 3.5",
        "-value == 0 - 7",
        "--value == 7",
        "2 - -value == 9",
        "1 + 2 * 3 == value",
        "(1 + 1) * 3 + 1 == value",
        "8 - 4 - 2 == 2",
        "8 / 4 / 2 == 1",
        "-2 * -3 == 6",
        "abs(0 - value) == 7",
        "abs(-(value - 10)) == 3",
        "min(value, 3) == 3 and min(3, value) == 3",
        "max(value, 3) == 7 and max(3, value) == 7",
        "max(min(value, 9), 1 + 1) == 7",
        "1e1 == 10 and .5 == 0.5 and 5. == 5 and 2.5E-1 == 0.25",
        "smooth(value, 1) == 7",
        "value == 7\n  and\tscore == 2",
        "value>6and value<8",
    ],
)
def test_arithmetic(text: str) -> None:
    assert holds(text, 7, 2)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("value > 1 or value > 1 and value < 0", 2, True),
        ("(value > 1 or value > 1) and value < 0", 2, False),
        ("not value > 1 and value > 5", 0, False),
        ("not (value > 1 and value > 5)", 0, True),
        ("not value + 1 > 3", 3, False),
        ("value > 1 or value > 1 for 2", 2, False),
        ("value > 2 + 1", 3, False),
    ],
)
def test_what_binds_closest(text: str, value: float, expected: bool) -> None:
    assert holds(text, value) is expected


@pytest.mark.parametrize(
    "text", ["yhat == 10", "yhat_lower == 8", "yhat_upper == 12", "anomaly_score == 2", "score == 2", "anomaly == 1"]
)
def test_outputs(text: str) -> None:
    assert holds(text, 7, 2)
    assert not holds(text.replace("==", "!="), 7, 2)


def test_short_names_are_of_the_standard_outputs() -> None:
    outputs = {"anomaly_score": [0.0], "score": [9.0], "anomaly_pvalue": [0.5]}
    assert levels(warned("score == 0 and pvalue == 0.5"), [1.0], **outputs) == [2]
    assert levels(warned("pvalue == 0.5"), [1.0], anomaly_score=[0.0], pvalue=[0.5]) == [2]


@pytest.mark.parametrize("text", ["value / 0 > 0", "value / (score - 2) > 0", "0 / 0 == 0", "0 / 0 != 0"])
def test_what_is_divided_by_nothing_is_no_number(text: str) -> None:
    assert not holds(text, 7, 2)


def test_what_is_too_large_is_no_error() -> None:
    assert holds("value * value > 1e300", 1e200)


def test_one_side_that_is_known_is_enough() -> None:
    assert holds("score > 1 or value > 12", 13, NAN)
    assert holds("not (score > 1 and value > 12)", 5, NAN)
    assert not holds("not (score > 1 and value > 12)", 13, NAN)


def test_a_condition_of_numbers_alone_is_of_every_series() -> None:
    alerting = warned("1 < 2")
    _, outcome = alerting.step(alerting.blank(()), scored([[1.0], [NAN], [3.0]]))
    assert outcome.level.tolist() == [2, 0, 2]


ANYTHING = "a number, a name or ( is expected"
AFTER = "an operator, for or the end is expected"
CONDITION = "a condition such as score > 1 is expected"
WHOLE = "a whole number from 1 to 60 is expected"
SAMPLES = "a number of samples from 1 to 60, and no time, is expected"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", f"is empty; {CONDITION}"),
        (" \n ", f"is empty; {CONDITION}"),
        ("score", f"has a number at character 1; {CONDITION}"),
        ("1 + 2", f"has a number at character 1; {CONDITION}"),
        (" -score", f"has a number at character 2; {CONDITION}"),
        ("(score)", f"has a number at character 1; {CONDITION}"),
        ("score and score > 1", f"has a number at character 1; {CONDITION}"),
        ("score > 1 and anomaly", f"has a number at character 15; {CONDITION}"),
        ("score > 1 or 1", f"has a number at character 14; {CONDITION}"),
        ("not score", f"has a number at character 5; {CONDITION}"),
        ("(score > 1) + 1 > 2", "has a condition at character 1; a number is expected"),
        ("1 + (score > 1) > 2", "has a condition at character 5; a number is expected"),
        ("(score > 1) == 1", "has a condition at character 1; a number is expected"),
        ("1 == (score > 1)", "has a condition at character 6; a number is expected"),
        ("-(score > 1) > 2", "has a condition at character 2; a number is expected"),
        ("abs(score > 1) > 1", "has a condition at character 5; a number is expected"),
        ("min(1, not score > 1) > 1", "has a condition at character 8; a number is expected"),
        ("smooth(score > 1, 3) > 1", "has a condition at character 8; a number is expected"),
        ("1 < score < 3", "has a second comparison at character 11; two that are joined by and are expected"),
        ("score >", f"ends at character 7; {ANYTHING}"),
        ("score >  ", f"ends at character 7; {ANYTHING}"),
        ("> 1", f'has ">" at character 1; {ANYTHING}'),
        ("score >> 1", f'has ">" at character 8; {ANYTHING}'),
        ("score > 1 and", f"ends at character 13; {ANYTHING}"),
        ("score > 1 or or", f'has "or" at character 14; {ANYTHING}'),
        ("1 + not score", f'has "not" at character 5; {ANYTHING}'),
        ("for > 1", f'has "for" at character 1; {ANYTHING}'),
        ("()", f'has ")" at character 2; {ANYTHING}'),
        ("+score > 1", f'has "+" at character 1; {ANYTHING}'),
        ("(score > 1", "ends at character 10; an operator or ) is expected"),
        ("(score > 1 for 3)", 'has "for" at character 12; an operator or ) is expected'),
        ("abs(score, 1) > 1", 'has "," at character 10; an operator or ) is expected'),
        ("min(score) > 1", 'has ")" at character 10; an operator or , is expected'),
        ("max(1, 2, 3) > 1", 'has "," at character 9; an operator or ) is expected'),
        ("abs() > 1", f'has ")" at character 5; {ANYTHING}'),
        ("smooth(score) > 1", 'has ")" at character 13; an operator or , is expected'),
        ("smooth(score, n) > 1", f'has "n" at character 15; {WHOLE}'),
        ("smooth(score, 0) > 1", f'has "0" at character 15; {WHOLE}'),
        ("smooth(score, 61) > 1", f'has "61" at character 15; {WHOLE}'),
        ("smooth(score, 2.5) > 1", f'has "2.5" at character 15; {WHOLE}'),
        ("smooth(score, -1) > 1", f'has "-" at character 15; {WHOLE}'),
        ("sqrt(score) > 1", 'has the function "sqrt" at character 1; abs, max, min or smooth is expected'),
        ("score > 1)", f'has ")" at character 10; {AFTER}'),
        ("score 1", f'has "1" at character 7; {AFTER}'),
        ("score > 1 value > 2", f'has "value" at character 11; {AFTER}'),
        ("score > 1 not value > 2", f'has "not" at character 11; {AFTER}'),
        ("score > 1.2.3", f'has ".3" at character 12; {AFTER}'),
        ("score > 1 of 3", f'has "of" at character 11; {AFTER}'),
        ("score > 1 for", f"ends at character 13; {WHOLE}"),
        ("score > 1 for 0", f'has "0" at character 15; {WHOLE}'),
        ("score > 1 for 61", f'has "61" at character 15; {WHOLE}'),
        ("score > 1 for 5m", f'has "5m" at character 15; {SAMPLES}'),
        ("score > 1 for 3 of 5m", f'has "5m" at character 20; {SAMPLES}'),
        ("smooth(score, 3m) > 1", f'has "3m" at character 15; {SAMPLES}'),
        ("score > 1 for 5 m", 'has "m" at character 17; of or the end is expected'),
        ("score > 1 AND value > 2", 'has "AND" at character 11; and is expected'),
        ("Not score > 1", 'has "Not" at character 1; not is expected'),
        ("score > 1 for 3 of", f"ends at character 18; {WHOLE}"),
        ("score > 1 for 3 of 61", f'has "61" at character 20; {WHOLE}'),
        ("score > 1 for 3 of x", f'has "x" at character 20; {WHOLE}'),
        ("score > 1 for 5 of 3", 'has "5 of 3" at character 15; at most 3 of 3 is expected'),
        ("score > 1 for 3 of 5 of 7", 'has "of" at character 22; the end is expected'),
        ("score > 1 for 3 and value > 2", 'has "and" at character 17; of or the end is expected'),
        ("score > 1 for 3 of 5 and value > 2", 'has "and" at character 22; the end is expected'),
        ("score = 1", 'has "=" at character 7; == is expected'),
        ("score > 1 && value > 2", 'has "&" at character 11; and is expected'),
        ("score > 1 || value > 2", 'has "|" at character 11; or is expected'),
        ("!score > 1", 'has "!" at character 1; not or != is expected'),
        ("score > 1 ? 2", 'has "?" at character 11; a name, a number, an operator or a parenthesis is expected'),
        ("score > ٣", 'has "٣" at character 9; a name, a number, an operator or a parenthesis is expected'),
        ("score > \x00", r'has "\x00" at character 9; a name, a number, an operator or a parenthesis is expected'),
        ("score > 1e999", 'has "1e999" at character 9; a finite number is expected'),
        ("score > 1 " + "x" * 70, f'has "{"x" * 59}…" at character 11; {AFTER}'),
        ("score > " + "1" * 500, "has 508 characters; at most 500 are expected"),
        ("(" * 21, "has 21 parentheses within one another at character 21; at most 20 are expected"),
        ("abs(" * 21, "has 21 parentheses within one another at character 84; at most 20 are expected"),
    ],
)
def test_what_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert f"{error.value.wrong}; {error.value.right}" == said
    assert str(error.value) == f"expression: {said}"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20 + "value" + ")" * 20 + " == 7",
        "abs(" * 20 + "value" + ")" * 20 + " == 7",
        "0+" * 240 + "value == 7",
        "not " * 100 + "value == 7",
        "-" * 100 + "value == 7",
        "1<0or " * 70 + "value == 7",
        "(1 < 2) and " * 35 + "(value == 7)",
    ],
    ids=["parentheses", "functions", "sums", "nots", "signs", "ors", "one after another"],
)
def test_what_is_long_is_read(text: str) -> None:
    assert holds(text, 7)


def test_the_text_is_kept_on_one_line() -> None:
    assert parse("score >\n   1\n").text == "score > 1"


def test_the_rules_refuse_what_cannot_be_read() -> None:
    for rules in (Rules(critical=Rule("score >")), Rules(info=Rule("score > 1", "score <"))):
        with pytest.raises(ExpressionError, match="ends at character 7"):
            Alerting(rules)
