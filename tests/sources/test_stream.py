"""The stream decoder beside the plain one: it gives the same panel to the last bit, or none."""

from __future__ import annotations

import json
import math
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentio.errors import SourceError
from sentio.sources.prometheus import plain, stream
from sentio.sources.prometheus.decode import decode
from sentio.sources.prometheus.interning import Interning
from sentio.types import MILLISECOND, SECOND, Panel, SeriesKey, Window

WINDOW = Window(100 * SECOND, 120 * SECOND, 5 * SECOND)
MAX_SERIES = 4


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """No test is slow because it is the first."""
    stream.warm()


def streamed(body: bytes, window: Window = WINDOW, max_series: int = MAX_SERIES) -> Panel | None:
    return stream.decode(body, window, query="m", max_series=max_series, interning=Interning())


def read(body: bytes, window: Window, max_series: int) -> Panel:
    return plain.decode(body, window, query="m", max_series=max_series, interning=Interning())


def told(panel: Panel) -> tuple[object, ...]:
    """All of a panel, its values bit for bit."""
    return panel.keys, panel.times.tolist(), panel.values.shape, panel.values.tobytes(), panel.notes


def compare(body: bytes, window: Window = WINDOW, max_series: int = MAX_SERIES) -> bool:
    """Whether the stream decoder takes it; if so it says what the plain one says, which then is no error."""
    found = streamed(body, window, max_series)
    if found is None:
        return False
    assert told(found) == told(read(body, window, max_series))
    return True


def is_read(body: bytes, window: Window = WINDOW) -> bool:
    try:
        read(body, window, MAX_SERIES)
    except SourceError:
        return False
    return True


# What servers send is taken.

VALUES = '[[100,"1"],[105,"53.45584192064786"],[115,"-Inf"],[120,"NaN"]]'
LABELS = r'{"__name__":"m","path":"a \"values\":[[1,\"2\"]] b\\","é":"\u00e9\ud83d\ude00"}'
ONE = f'{{"metric":{LABELS},"values":{VALUES}}}'
OTHER = '{"metric":{},"values":[[100,"1e+21"],[105,"-0.000012345"],[110,"+Inf"]]}'
BUCKETS = '{"count":"3","sum":"2","buckets":[[0,"0.25","0.5","3"]]}'
HISTOGRAM = f'{{"metric":{{"h":"x"}},"histograms":[[100,{BUCKETS}],[105,{BUCKETS}]]}}'
BOTH = f'{{"metric":{{"b":"x"}},"values":{VALUES},"histograms":[[110,{BUCKETS}]]}}'
DIGITS = f'{{"metric":{{}},"values":[[100,"1{"0" * 300}"],[105.000,"0.{"0" * 20}12345678901234567"]]}}'


def matrix(*series: str, data: str = "", before: str = "", after: str = "") -> bytes:
    result = ",".join(series)
    return f'{{"status":"success",{before}"data":{{"resultType":"matrix","result":[{result}]{data}}}{after}}}'.encode()


SENT = {
    "prometheus": matrix(ONE, OTHER),
    "nothing": matrix(),
    "with statistics": matrix(ONE, data=',"stats":{"timings":{"evalTotalTime":0.1},"samples":{"peakSamples":4}}'),
    "with warnings": matrix(ONE, after=',"warnings":["store is gone"],"infos":["not a counter"]'),
    "native histograms": matrix(HISTOGRAM, ONE, BOTH),
    "thanos": matrix(ONE, data=',"analysis":{}', after=',"warnings":["no \\"result\\":[ from s3"]') + b"\n",
    "victoriametrics": matrix(DIGITS, before='"isPartial":true,', after=',"stats":{"seriesFetched":"1"}'),
    "victoriametrics with a trace": matrix(ONE, after=',"trace":{"duration_msec":0.1,"children":[{"message":"x"}]}'),
    "cortex": matrix('{"metric":{},"values":[]}', OTHER),
    "spread out": json.dumps(json.loads(matrix(ONE, HISTOGRAM, BOTH)), indent=2).encode(),
    "another order": b'{"data":{"result":[{"values":[],"metric":{}}],"resultType":"matrix"},"status":"success"}',
    "the same twice": matrix(OTHER, ONE, ONE, HISTOGRAM, HISTOGRAM),
    "too many": matrix(ONE, *(f'{{"metric":{{"i":"{i}"}},"values":{VALUES}}}' for i in range(9))),
    "a mark of the order of bytes": b"\xef\xbb\xbf" + matrix(ONE),
}


@pytest.mark.parametrize("name", SENT)
def test_what_servers_send_is_taken(name: str) -> None:
    assert compare(SENT[name])


NOT_TAKEN = {
    "a number that is no text": matrix('{"metric":{},"values":[[100,1]]}'),
    "a time with an exponent": matrix('{"metric":{},"values":[[1e2,"1"]]}'),
    "times out of order": matrix('{"metric":{},"values":[[105,"1"],[100,"2"]]}'),
    "a time twice": matrix('{"metric":{},"values":[[100,"1"],[100,"2"]]}'),
    "a number in Python's own words": matrix('{"metric":{},"values":[[100,"infinity"],[105," 1_0 "]]}'),
    "something else in a series": matrix('{"metric":{},"values":[[100,"1"]],"x":1}'),
    "no result of its data": b'{"result":[],"status":"success","data":{"resultType":"matrix","result":[]}}',
    "two results": matrix(ONE, data=',"result":[]'),
    "a time off the grid that nobody reads": matrix(OTHER, '{"metric":{},"values":[[99,"1"]]}'),
}


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_what_they_do_not_send_is_left_to_the_plain_one(name: str) -> None:
    assert not compare(NOT_TAKEN[name])
    assert is_read(NOT_TAKEN[name])


# Any valid answer.

label_sets = st.dictionaries(
    st.sampled_from(["a", "b", "metric", "values", '"', "é"]),
    st.text(st.sampled_from('"\\/[]{},: \n\x1f\x7fé😀a0') | st.characters(exclude_categories=["Cs"]), max_size=6),
    max_size=3,
)
oddities = st.sampled_from(["", "x", 1, None, True, [], {}, [[100, "1"]], {"a": 'say "result":['}, 1e300])
windows = st.builds(
    lambda first, step, count: Window(
        first * MILLISECOND, (first + step * (count - 1)) * MILLISECOND, step * MILLISECOND
    ),
    st.integers(0, 4_000_000_000_000),
    st.integers(1, 86_400_000),
    st.integers(1, 12),
)


class Layout:
    """Writes JSON as it may be written. ``strange``: so often as no server would."""

    def __init__(self, rng: random.Random, blanks: float, strange: float) -> None:
        self.rng = rng
        self.blanks = blanks
        self.strange = strange

    def now_and_then(self, share: float) -> bool:
        return self.rng.random() < share

    def write(self, value: object) -> str:
        match value:
            case str():
                return self.text(value)
            case dict():
                pairs = [f"{self.text(k)}{self.blank()}:{self.write(v)}" for k, v in self.shuffled(value)]
                inner = f"{{{self.between(pairs)}}}"
            case list():
                inner = f"[{self.between([self.write(v) for v in value])}]"
            case Raw():
                inner = value.text
            case _:
                inner = json.dumps(value)
        return self.blank() + inner + self.blank()

    def between(self, parts: list[str]) -> str:
        return ",".join(self.blank() + part + self.blank() for part in parts) or self.blank()

    def blank(self) -> str:
        return "".join(self.rng.choices(" \t\n\r", k=self.rng.randint(1, 3))) if self.now_and_then(self.blanks) else ""

    def shuffled(self, pairs: dict[str, object]) -> list[tuple[str, object]]:
        found = list(pairs.items())
        if self.now_and_then(0.2):
            self.rng.shuffle(found)
        return found

    def text(self, text: str) -> str:
        return '"' + "".join(map(self.character, text)) + '"'

    def character(self, char: str) -> str:
        if char in '"\\' or char < " " or self.now_and_then(self.strange / 10 if char.isalnum() else 0.3):
            units = struct.unpack(f">{len(char.encode('utf-16-be')) // 2}H", char.encode("utf-16-be"))
            return "".join(f"\\u{u:{self.rng.choice(['04x', '04X'])}}" for u in units)
        return char

    def time(self, milliseconds: int) -> Raw:
        text = str(milliseconds // 1000)
        if rest := f"{milliseconds % 1000:03d}".rstrip("0"):
            text += "." + (rest if self.now_and_then(0.5) else rest.ljust(3, "0"))
        if self.now_and_then(self.strange):
            text = f"{Decimal(text):{self.rng.choice(['e', '.6f', '.1f', 'E'])}}"
        return Raw(text)

    def number(self, value: float) -> object:
        if not math.isfinite(value):
            text = "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
            return self.rng.choice([text.lower(), f" {text} "]) if self.now_and_then(self.strange) else Raw(f'"{text}"')
        exact = Decimal(repr(value))
        text = self.rng.choice(
            [repr(value), f"{exact:f}", f"{exact:e}", f"{exact:.25e}", f"{value:.17g}", f"{value:g}"]
        )
        if self.now_and_then(self.strange):
            return self.rng.choice([value, text, f" {text}", f"{text}_0"])
        return Raw(f'"{text}"')


class Raw:
    """JSON that is written as it is."""

    def __init__(self, text: str) -> None:
        self.text = text


@st.composite
def answers(draw: st.DrawFn, layout: Layout, window: Window) -> dict[str, object]:
    milliseconds = (window.times() // MILLISECOND).tolist()
    numbers = st.lists(st.none() | st.floats(), min_size=len(window), max_size=len(window))

    def series() -> dict[str, object]:
        one: dict[str, object] = {"metric": draw(label_sets)}
        kind = draw(st.sampled_from(["values", "values", "values", "histograms", "both"]))
        if kind != "histograms":
            row = zip(milliseconds, draw(numbers), strict=True)
            one["values"] = [[layout.time(t), layout.number(v)] for t, v in row if v is not None]
        if kind != "values":
            one["histograms"] = [[layout.time(milliseconds[0]), {"count": "1", "buckets": [[0, "]", "}", '"']]}]]
        if layout.now_and_then(layout.strange):
            one[draw(st.sampled_from(["values", "histograms", "metric", "more"]))] = draw(oddities)
        return one

    data: dict[str, object] = {"resultType": "matrix", "result": [series() for _ in range(draw(st.integers(0, 6)))]}
    answer: dict[str, object] = {"status": "success", "data": data}
    extras = [(answer, "warnings"), (answer, "isPartial"), (answer, "infos"), (answer, "stats"), (data, "stats")]
    for where, name in draw(st.lists(st.sampled_from(extras), max_size=2)):
        where[name] = draw(oddities)
    return answer


@pytest.mark.parametrize("strange", [0.0, 0.05])
def test_any_valid_answer(strange: float) -> None:
    @given(st.data(), st.randoms(use_true_random=False), windows, st.sampled_from([0, 0, 0.2]))
    def check(data: st.DataObject, rng: random.Random, window: Window, blanks: float) -> None:
        layout = Layout(rng, blanks, strange)
        body = layout.write(data.draw(answers(layout, window))).encode()
        assert compare(body, window) or strange

    check()


# Numbers.


def column(texts: list[str]) -> tuple[bytes, Window]:
    """An answer with one series, of these numbers."""
    times = range(0, 5 * len(texts), 5)
    samples = ",".join(f'[{t},"{text}"]' for t, text in zip(times, texts, strict=True))
    return matrix(f'{{"metric":{{}},"values":[{samples}]}}'), Window(0, times[-1] * SECOND, 5 * SECOND)


def check_numbers(texts: list[str]) -> None:
    """They are those of ``float``."""
    for i in range(0, len(texts), 500):
        part = texts[i : i + 500]
        found = streamed(*column(part))
        assert found is not None
        numbers = np.array(list(map(float, part)))
        expected = np.where(np.isfinite(numbers), numbers, np.nan)
        wrong = found.values[0].view(np.int64) != expected.view(np.int64)
        assert not wrong.any(), [t for t, w in zip(part, wrong, strict=True) if w]
        assert found.notes.dropped == (~np.isfinite(numbers)).sum()


def spellings(value: float) -> list[str]:
    exact = Decimal(value)
    short = Decimal(repr(value))
    return [repr(value), f"{short:f}", f"{short:e}", f"{exact:.17e}", f"{exact:.18e}", f"{exact:f}", f"{-short:+f}"]


def doubles(count: int) -> list[float]:
    """Of all sizes, each as likely as another."""
    bits = np.random.default_rng(1).integers(0, 0x7FF0_0000_0000_0000, count)
    return bits.view(np.float64).tolist()


def half_ways() -> Iterator[str]:
    """What is just between two doubles, and as near to it as 17 to 20 digits and one in the last of all come."""
    for value in [1.0, 2.0**53, 2.0**60, 0.1, 5e-324, 2.2250738585072014e-308, 1e22, 1e23, *doubles(200)]:
        with localcontext(prec=2000):
            between = (Decimal(value) + Decimal(math.nextafter(value, math.inf))) / 2
            yield f"{between}"
            yield f"{between.next_plus()}"
            yield f"{between.next_minus()}"
        yield from (f"{between:.{digits}e}" for digits in (16, 17, 18, 19))


def short_half_ways() -> Iterator[str]:
    """Those that 19 digits can tell, of every exponent that has them, and their neighbours."""
    rng = random.Random(5)
    for exponent in range(-4, 24):
        five = 5 ** abs(exponent)
        for _ in range(100):
            odd = rng.randrange(2**53 + 1, 2**54, 2)
            mantissa = odd * five if exponent < 0 else odd // five | 1
            yield from (f"{mantissa + d}e{exponent}" for d in (-1, 0, 1))


def random_digits(count: int) -> Iterator[str]:
    rng = random.Random(2)
    for _ in range(count):
        digits = "".join(rng.choices("0123456789", k=rng.randint(1, 22)))
        point = rng.randint(0, len(digits))
        power = rng.choice(["", f"e{rng.randint(-30, 30)}", f"E{rng.randint(-360, 330):+04d}"])
        yield f"{rng.choice(['', '-', '+'])}{digits[:point] or '0'}.{digits[point:] or '0'}{power}"


NUMBERS = {
    "doubles of all sizes": [text for value in doubles(2000) for text in spellings(value)],
    "small decimals": [f"{n / 1000}" for n in range(-3000, 3000)] + [f"{n / 64}" for n in range(3000)],
    "gauges": [repr(v) for v in np.random.default_rng(3).normal(50, 10, 20_000).tolist()],
    "shares": [repr(v) for v in np.random.default_rng(4).random(20_000).tolist()],
    "half ways": list(half_ways()),
    "short half ways": list(short_half_ways()),
    "random digits": list(random_digits(20_000)),
    "powers of ten": [f"{m}e{e}" for m in (1, 9, 123456789012345678, 9999999999999999999) for e in range(-350, 320)],
    "powers of two": [f"{2**n + d}" for n in range(80) for d in (-1, 0, 1)],
    "zeros": ["0", "-0", "+0", "0.0", "-0.000", "0e5", "0e999", "-0E-999", "000", "00.5", "0" * 40, "0." + "0" * 40],
    "long": ["1" * 400, "1" + "0" * 400, "0." + "0" * 400 + "1", "1." + "0" * 400 + "1", "9" * 19, "9" * 20],
    "large exponents": ["1e1000000", "1e-1000000", "1e9999999999999999999", "1e+0000000000000000000"],
    "with nothing behind the point": ["5.", "-1.e5", "0.", "1" * 30 + "."],
    "none": ["NaN", "+Inf", "-Inf", "Inf", "+NaN", "-NaN"],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_those_of_float(name: str) -> None:
    check_numbers(NUMBERS[name])


@given(
    st.lists(
        st.floats().map(repr)
        | st.from_regex(r"[+-]?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
        min_size=1,
    )
)
def test_any_number(texts: list[str]) -> None:
    check_numbers([{"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(text, text) for text in texts])


@pytest.mark.parametrize(
    "text", ["", "-", ".5", "1e", "1e+", "--1", "1.2.3", "0x1", "1_0", " 1", "1 ", "inf", "nan", "١", "1e5.5"]
)
def test_what_is_written_otherwise_is_left(text: str) -> None:
    assert streamed(*column([text])) is None


def test_few_numbers_are_left_to_python() -> None:
    long = ["0.1" + "0" * 20 + "1"] * stream._LATE
    check_numbers(long)
    assert streamed(*column([*long, long[0]])) is None
    assert streamed(*column([*long, "1"])) is not None


def test_numbers_that_are_left_beyond_max_series() -> None:
    long = f'{{"metric":{{}},"values":[[100,"1e999"],[105,"{"1" * 30}"]]}}'
    assert compare(
        matrix(long, *(f'{{"metric":{{"i":"{i}"}},"values":[[100,"{i}"],[120,"{"2" * 30}"]]}}' for i in range(3))),
        max_series=2,
    )


# Times.


@given(st.data(), windows)
def test_times_to_the_millisecond(data: st.DataObject, window: Window) -> None:
    """A sample may be a millisecond off; where one is off by more, the answer is refused."""
    off = data.draw(st.integers(-3, 3))
    at = data.draw(st.sampled_from((window.times() // MILLISECOND).tolist())) + off
    body = matrix(f'{{"metric":{{}},"values":[[{at // 1000}.{at % 1000:03d},"1"]]}}')
    if at >= 0:
        assert compare(body, window) == is_read(body, window)
    assert not compare(body.replace(b',"1"', b'0000,"1"'), window)


@pytest.mark.parametrize("at", ["8999999999.999", "9000000000", "9999999999", "99999999999", "1e10", "-1", "01", "1."])
def test_times_of_another_age(at: str) -> None:
    body = matrix(f'{{"metric":{{}},"values":[[{at},"1"]]}}')
    for start in (0, 8_999_999_999_999 * MILLISECOND, 9_000_000_000 * SECOND):
        compare(body, Window(start, start, SECOND))


# Any other.

SMALL = json.dumps(json.loads(matrix(ONE, after=',"warnings":["x"]')), separators=(",", ":")).encode()
SIGNS = [bytes([b]) for b in b'\x00\t\n "+,-./01:9EINOZ[\\]_aefnu{}\x7f\x80\xc3\xe9\xff']


def damaged() -> Iterator[bytes]:
    """The same answer cut off anywhere, and with a byte less, another one or one more anywhere."""
    for body in (SMALL, matrix(OTHER, HISTOGRAM)):
        for i in range(len(body)):
            yield body[:i]
            yield body[:i] + body[i + 1 :]
            for sign in SIGNS:
                yield body[:i] + sign + body[i + 1 :]
                yield body[:i] + sign + body[i:]


def test_a_damaged_answer_is_the_same_or_none() -> None:
    taken = sum(map(compare, damaged()))
    assert taken > 1000, "a digit more is as good a number"


@given(st.binary(max_size=60))
@example(b"")
@example(b"[" * 50)
@example(b"{" * 50)
@example(b'"')
@example(b"\\")
def test_bytes_that_are_no_answer(rest: bytes) -> None:
    for start in (b"", b'"result":', b'"result":[', b'"result":[{"metric":{"', b'"result":[{"metric":{},"values":[[1'):
        assert not compare(start + rest)


def test_nothing_is_read_beyond_the_end(tmp_path: Path) -> None:
    """The same with every index looked at: what is not compiled so reads whatever is there."""
    env = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    chosen = "test_a_damaged_answer_is_the_same_or_none or test_bytes_that_are_no_answer or test_what or test_numbers"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, __file__]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=500)
    assert ran.returncode == 0, ran.stdout


def test_it_would_be_noticed(tmp_path: Path) -> None:
    """That the test above can fail at all."""
    code = """
import numpy as np
from sentio.compiled import kernel
from sentio.sources.prometheus import numerals

try:
    kernel(lambda text: numerals._word(text, 1))(np.zeros(8, np.uint8))
except IndexError:
    print("noticed")
"""
    env = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=500)
    assert ran.stdout == "noticed\n", ran.stderr


# What is remembered.


def test_labels_are_decoded_once() -> None:
    interning = Interning()
    body = matrix(ONE, OTHER)

    def keys() -> tuple[SeriesKey, ...]:
        panel = stream.decode(body, WINDOW, query="m", max_series=9, interning=interning)
        assert panel is not None
        return panel.keys

    first = keys()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SeriesKey, "of", None)
        assert all(a is b for a, b in zip(keys(), first, strict=True))
    other = matrix(ONE.replace("\\u00e9", "é"))
    again = stream.decode(other, WINDOW, query="m", max_series=9, interning=interning)
    assert again is not None
    assert again.keys[0] is first[0], "the same labels in other bytes"
    interning.forget_beyond(2)
    assert keys() == first
    assert keys()[0] is not first[0], "three texts of two label sets are too many"


def test_an_answer_in_the_making_keeps_what_another_forgets() -> None:
    """Equal label sets of one answer are one object, or a series that occurs twice would not be seen."""
    interning = Interning()

    def texts() -> Iterator[bytes]:
        yield b'{"a":"b"}'
        interning.forget_beyond(0)
        yield b'{ "a":"b"}'

    first, second = interning.keys(texts())
    assert first is second


def test_a_large_answer_is_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> Panel:
        raise AssertionError("asked for")

    decoded = {"window": WINDOW, "query": "m", "max_series": MAX_SERIES, "interning": Interning()}
    large = matrix(ONE) + b" " * 64 * 1024
    expected = told(read(large, WINDOW, MAX_SERIES))
    monkeypatch.setattr(plain, "decode", none)
    assert told(decode(large, **decoded)) == expected
    with pytest.raises(AssertionError, match="asked for"):
        decode(large.replace(b'"1"', b"1.0"), **decoded)
    monkeypatch.setattr(stream, "decode", none)
    monkeypatch.setattr(plain, "decode", lambda *_, **__: Panel.empty())
    assert decode(matrix(ONE), **decoded).keys == ()
