"""What is a plain selector, what is not, and which series one means."""

import pytest

from sentio.demo.selector import SelectorError, parse
from sentio.types import SeriesKey

ADVICE = 'the embedded store answers only plain selectors such as up{job="demo"}, a real Prometheus all of PromQL'

ACCEPTED = [
    ("foo", [("__name__", "=", "foo")]),
    ("  foo{} # why", [("__name__", "=", "foo")]),
    ("# why\nfoo", [("__name__", "=", "foo")]),
    ("a:b_c9", [("__name__", "=", "a:b_c9")]),
    ("sum", [("__name__", "=", "sum")]),
    ("by{by='x'}", [("__name__", "=", "by"), ("by", "=", "x")]),
    ('{__name__="foo bar"}', [("__name__", "=", "foo bar")]),
    ('{__name__=~"foo|bar", a!="x"}', [("__name__", "=~", "foo|bar"), ("a", "!=", "x")]),
    ('foo{__name__!="bar"}', [("__name__", "=", "foo"), ("__name__", "!=", "bar")]),
    ("foo{a='x',b!~`y`,}", [("__name__", "=", "foo"), ("a", "=", "x"), ("b", "!~", "y")]),
    ('foo {\n a = "x" ,\tb =~ "y" }\r\n', [("__name__", "=", "foo"), ("a", "=", "x"), ("b", "=~", "y")]),
    (r'foo{a="\a\b\f\n\r\t\v\\\""}', [("__name__", "=", "foo"), ("a", "=", '\a\b\f\n\r\t\v\\"')]),
    ("foo{a='\\'\"'}", [("__name__", "=", "foo"), ("a", "=", "'\"")]),
    (r'foo{a="\x41\101\u00e9\U0001F600"}', [("__name__", "=", "foo"), ("a", "=", "AAé😀")]),
    (r'foo{a="\xc3\xa9\303\251"}', [("__name__", "=", "foo"), ("a", "=", "éé")]),
    ("foo{a=`\\n\"'\n`}", [("__name__", "=", "foo"), ("a", "=", "\\n\"'\n")]),
    ('foo{a="#{}é"}', [("__name__", "=", "foo"), ("a", "=", "#{}é")]),
]

REFUSED = [
    ("", "1:1: parse error: no expression found in input"),
    (" # nothing", "1:1: parse error: no expression found in input"),
    ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ('{a=""}', "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ('{a!="x"}', "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ('{a=~".*"}', "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ('{a!~".+"}', "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ('foo{__name__="bar"}', '1:1: parse error: metric name must not be set twice: "foo" or "bar"'),
    ("sum(foo)", '1:4: parse error: unexpected "("'),
    ("rate(foo[5m])", '1:5: parse error: unexpected "("'),
    ("(foo)", '1:1: parse error: unexpected "("'),
    ("foo[5m]", '1:4: parse error: unexpected "["'),
    ("foo offset 5m", '1:5: parse error: unexpected identifier "offset"'),
    ("foo @ 5", '1:5: parse error: unexpected "@"'),
    ("foo + bar", '1:5: parse error: unexpected "+"'),
    ("foo\n  == 1", '2:3: parse error: unexpected "="'),
    ("foo > bool 1", '1:5: parse error: unexpected ">"'),
    ("-foo", '1:1: parse error: unexpected "-"'),
    ("1", '1:1: parse error: unexpected number "1"'),
    ("Inf", '1:1: parse error: unexpected identifier "Inf"'),
    ("nan", '1:1: parse error: unexpected identifier "nan"'),
    ("bool", '1:1: parse error: unexpected identifier "bool"'),
    ('"foo"', '1:1: parse error: unexpected "\\""'),
    ('foo{a="é"} {b="y"}', '1:13: parse error: unexpected "{"'),
    ("foo{", "1:5: parse error: unexpected end of input inside braces"),
    ('foo{a="x"', "1:10: parse error: unexpected end of input inside braces"),
    ("foo{a", "1:6: parse error: unexpected end of input inside braces"),
    ("foo{,}", '1:5: parse error: unexpected "," in label matching, expected identifier or "}"'),
    ('foo{a="x",,}', '1:11: parse error: unexpected "," in label matching, expected identifier or "}"'),
    ("foo{a}", '1:6: parse error: unexpected "}" in label matching, expected label matching operator'),
    ('foo{a:b="x"}', '1:6: parse error: unexpected identifier ":b" in label matching, expected label'),
    ('foo{a~"x"}', '1:6: parse error: unexpected "~" in label matching, expected label matching operator'),
    ('foo{a=="x"}', '1:7: parse error: unexpected "=" in label matching, expected string'),
    ("foo{a=x}", '1:7: parse error: unexpected identifier "x" in label matching, expected string'),
    (
        'foo{a="x" b="y"}',
        '1:11: parse error: unexpected identifier "b" in label matching, expected "," or "}"',
    ),
    ('{"foo"}', '1:2: parse error: unexpected "\\"" in label matching, expected identifier or "}"'),
    ('foo{é="x"}', '1:5: parse error: unexpected "é" in label matching, expected identifier or "}"'),
    ('foo{a="x', "1:7: parse error: unterminated quoted string"),
    ('foo{a="x\n"}', "1:7: parse error: unterminated quoted string"),
    ("foo{a=`x", "1:7: parse error: unterminated raw string"),
    ('foo{a="x\\', "1:7: parse error: escape sequence not terminated"),
    (r'foo{a="\q"}', "1:7: parse error: unknown escape sequence U+0071 'q'"),
    (r'foo{a="\'"' + "}", "1:7: parse error: unknown escape sequence U+0027 '''"),
    (r'foo{a="\xzz"}', "1:7: parse error: illegal character U+007A 'z' in escape sequence"),
    (r'foo{a="\u12', "1:7: parse error: escape sequence not terminated"),
    (r'foo{a="\400"}', "1:7: parse error: escape sequence is an invalid Unicode code point"),
    (r'foo{a="\ud800"}', "1:7: parse error: escape sequence is an invalid Unicode code point"),
    ('foo{a=~"("}', "1:5: parse error: error parsing regexp: missing )"),
    ('foo{a=~"(?=x)"}', "1:5: parse error: error parsing regexp: `(?` is not supported"),
    ('foo{a=~"x++"}', "1:5: parse error: error parsing regexp: `++` is not supported"),
    ('foo{a=~"x{,3}"}', "1:5: parse error: error parsing regexp: `{,` is not supported"),
    ("foo{a=~`(x)\\1`}", "1:5: parse error: error parsing regexp: `\\1` is not supported"),
    ("foo{a=~`\\p{L}`}", "1:5: parse error: error parsing regexp: bad escape \\p"),
    ('foo{a=~"[[:alpha:]]"}', "1:5: parse error: error parsing regexp: `[[:` is not supported"),
]


@pytest.mark.parametrize(("text", "matchers"), ACCEPTED)
def test_a_plain_selector_is_read(text: str, matchers: list[tuple[str, str, str]]) -> None:
    assert [(m.label, m.op, m.value) for m in parse(text).matchers] == matchers


@pytest.mark.parametrize(("text", "problem"), REFUSED)
def test_anything_else_is_refused_with_its_place_and_the_way_out(text: str, problem: str) -> None:
    with pytest.raises(SelectorError) as refused:
        parse(text)
    assert str(refused.value).startswith(problem)
    assert str(refused.value).endswith(f"; {ADVICE}")


@pytest.mark.parametrize(
    ("matcher", "meant"),
    [
        ('a="x"', ["x"]),
        ('a!="x"', ["", "xy", "x\n"]),
        ('a=""', [""]),
        ('a=~"x"', ["x"]),
        ('a=~"x|"', ["", "x"]),
        ('a=~"x.*"', ["x", "xy", "x\n"]),
        ('a!~"x.*"', [""]),
        ('a=~"(?i)X[y]?"', ["x", "xy"]),
        ('a=~"x$"', ["x"]),
        (r'a=~"[\\w]+"', ["x", "xy"]),
        (r'a=~"x[*+(?=]*"', ["x"]),
    ],
)
def test_matchers_are_anchored_and_an_absent_label_is_empty(matcher: str, meant: list[str]) -> None:
    selector = parse(f"foo{{{matcher}}}")
    values = ["", "x", "xy", "x\n"]
    assert [v for v in values if selector.matches(SeriesKey.of({"__name__": "foo", "a": v}))] == meant
    assert not selector.matches(SeriesKey.of({"__name__": "bar", "a": meant[0]}))


def test_bytes_that_are_no_text_match_nothing() -> None:
    selector = parse(r'foo{a="\xff"}')
    assert not selector.matches(SeriesKey.of({"__name__": "foo", "a": "ÿ"}))
