"""A scenario with a mistake is refused at its line, with what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentio.cli import main
from sentio.errors import ConfigError
from sentio.scenario.files import load_scenario

HEAD = "description: d\ncontainer: c\nphases:\n"
PHASE = HEAD + "  - name: p\n    for: 1m\n"
LOAD = PHASE + "    load: "
EXPECT = PHASE + "    expect: "

MISTAKES = {
    "": "1: document: is empty; a mapping with description, container and phases is expected",
    "[a]": "1: document: is a list; a mapping with description, container and phases is expected",
    "container: c\nphases: [{name: p, for: 1m}]": "1: description: is missing; it has no default and must be given",
    "description: d\nphases: [{name: p, for: 1m}]": "1: container: is missing; it has no default and must be given",
    "description: d\ncontainer: c": "1: phases: is missing; it has no default and must be given",
    "description: ' '\ncontainer: c\nphases: [{name: p, for: 1m}]": (
        "1: description: is empty; a sentence is expected"
    ),
    "description: d\ncontainer: a b\nphases: [{name: p, for: 1m}]": (
        '2: container: is "a b"; a container\'s name (letters, digits and _ . -) is expected'
    ),
    "description: d\ncontainer: 5\nphases: [{name: p, for: 1m}]": "2: container: is a number; text is expected",
    PHASE + "pahses: []": "6: pahses: unknown key; did you mean phases?",
    PHASE + "zzz: 1": "6: zzz: unknown key; container, description or phases is expected",
    "description: d\ncontainer: c\nphases: []": "3: phases: has 0 entries; 1 to 100 are expected",
    "description: d\ncontainer: c\nphases: {name: p}": "3: phases: is a mapping; a list is expected",
    HEAD + "  - p": "4: phases[0]: is text; a mapping is expected",
    HEAD + "  - for: 1m": "4: phases[0].name: is missing; it has no default and must be given",
    HEAD + "  - name: p": "4: phases[0].for: is missing; it has no default and must be given",
    HEAD + "  - name: A b\n    for: 1m": (
        '4: phases[0].name: is "A b"; lower-case letters, digits and - are expected, a letter or digit first'
    ),
    HEAD + "  - name: p\n    for: 60": "5: phases[0].for: is 60; a duration such as 15s, 5m or 14d is expected",
    HEAD + "  - name: p\n    for: 0s": (
        '5: phases[0].for: is "0s"; a duration above 0, such as 15s, 5m or 14d, is expected'
    ),
    HEAD + "  - name: p\n    for: 100ms": "5: phases[0].for: is 100ms; at least 1s is expected",
    HEAD + "  - name: p\n    for: 25h": "3: phases: last 1d1h together; at most 1d is expected",
    PHASE + "  - name: p\n    for: 1m": "6: phases[1].name: is that of phases[0]; a name of its own is expected",
    PHASE + "    fro: 1m": "6: phases[0].fro: unknown key; did you mean for?",
    PHASE + "    expects: []": "6: phases[0].expects: unknown key; did you mean expect?",
    LOAD + "much": "6: phases[0].load: is text; a list is expected",
    LOAD + "{}": "6: phases[0].load: asks for nothing; cpu, memory, disk, idle: true or stop: true is expected",
    LOAD + "[{cpu: 5}, {idle: false}]": (
        "6: phases[0].load[1]: asks for nothing; cpu, memory, disk, idle: true or stop: true is expected"
    ),
    LOAD + "{cpus: 5}": "6: phases[0].load.cpus: unknown key; did you mean cpu?",
    LOAD + '{cpu: "50"}': ('6: phases[0].load.cpu: is "50"; percent of one core, above 0 and up to 1000, is expected'),
    LOAD + "{cpu: 0}": "6: phases[0].load.cpu: is 0; percent of one core, above 0 and up to 1000, is expected",
    LOAD + "{cpu: 1001}": "6: phases[0].load.cpu: is 1001; percent of one core, above 0 and up to 1000, is expected",
    LOAD + "{cpu: true}": "6: phases[0].load.cpu: is true; percent of one core, above 0 and up to 1000, is expected",
    LOAD + "{cpu: [1, 2]}": "6: phases[0].load.cpu: is a list; a mapping is expected",
    LOAD + "{cpu: {}}": "6: phases[0].load.cpu: is empty; from, to or both are expected",
    LOAD + "{cpu: {form: 1, to: 2}}": "6: phases[0].load.cpu.form: unknown key; did you mean from?",
    LOAD + "{cpu: {from: 1, to: x}}": (
        '6: phases[0].load.cpu.to: is "x"; percent of one core, above 0 and up to 1000, is expected'
    ),
    LOAD + "{memory: 64}": "6: phases[0].load.memory: is 64; a size such as 64MiB or 1GB is expected",
    LOAD + "{memory: 2GiB}": "6: phases[0].load.memory: is 2GiB; at most 512MiB is expected",
    LOAD + "{memory: {to: 64 MiB}}": (
        '6: phases[0].load.memory.to: is "64 MiB"; a size such as 64MiB or 1GB is expected'
    ),
    LOAD + "{disk: fast}": '6: phases[0].load.disk: is "fast"; a size such as 64MiB or 1GB is expected',
    LOAD + "{idle: yes}": '6: phases[0].load.idle: is "yes"; true or false is expected',
    LOAD + "{stop: true, cpu: 5}": "6: phases[0].load.stop: is there with cpu; nothing beside stop is expected",
    LOAD + "{container: -x, cpu: 5}": (
        '6: phases[0].load.container: is "-x"; a container\'s name (letters, digits and _ . -) is expected'
    ),
    LOAD + "[{cpu: 5}, {container: d, cpu: 5}, {container: c, disk: 1MiB}]": (
        "6: phases[0].load[2]: loads c, as load[0] does; one load a container is expected"
    ),
    EXPECT + "{query: cpu, is: above}": "6: phases[0].expect: is a mapping; a list is expected",
    EXPECT + "[{is: above}]": "6: phases[0].expect[0].query: is missing; it has no default and must be given",
    EXPECT + "[{query: cpu}]": "6: phases[0].expect[0].is: is missing; it has no default and must be given",
    EXPECT + "[{query: net, is: above}]": ('6: phases[0].expect[0].query: is "net"; cpu, memory or disk is expected'),
    EXPECT + "[{query: cpu, is: high}]": ('6: phases[0].expect[0].is: is "high"; above, below or missing is expected'),
    EXPECT + "[{query: cpu, is: above}, {query: cpu, is: below, container: c}]": (
        "6: phases[0].expect[1]: is about cpu of c, as expect[0] is; one expectation a series is expected"
    ),
}
"""The text of a file → what is said about it, without the file."""


@pytest.mark.parametrize("text", MISTAKES)
def test_one_mistake(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_scenario(path, {})
    assert refused.value.problems == (f"{path}:{MISTAKES[text]}",)


def test_all_mistakes_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "description: d\nphases:\n  - name: p\n    for: 1\n    load: {cpu: x}\n  - name: p\n    expect: [{query: q}]\n"
    )
    assert main(["scenario", "check", str(path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{path}:1: container: is missing; it has no default and must be given",
        f"{path}:4: phases[0].for: is 1; a duration such as 15s, 5m or 14d is expected",
        f'{path}:5: phases[0].load.cpu: is "x"; percent of one core, above 0 and up to 1000, is expected',
        f"{path}:6: phases[1].for: is missing; it has no default and must be given",
        f'{path}:7: phases[1].expect[0].query: is "q"; cpu, memory or disk is expected',
        f"{path}:7: phases[1].expect[0].is: is missing; it has no default and must be given",
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml:1: document: cannot be read \(No such file or directory\)"):
        load_scenario(tmp_path / "none.yaml", {})
