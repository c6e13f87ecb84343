"""Is every alert told once, whatever becomes of its receivers, and does no tick wait for them?

The real service (`sentio serve`, a process of its own) over a real Prometheus, with series that leave the ordinary and
come back all the time. Then for ten minutes one of two real Alertmanagers is down, the mail server is a tarpit, Slack
answers 429 and a webhook 500; in the middle Sentio is killed (SIGKILL) and started again over the same files. What
each receiver heard is held against what one heard that was always there, and that against what the series did.
"""

from __future__ import annotations

import shutil
import sys

from benchmarks.figures import Reach, number, parser, quantile, table, verdict
from benchmarks.hearing import FIRING, Gate, News, Receiver
from benchmarks.outage import FULL, QUICK, Stage, running
from benchmarks.ticks import Look
from benchmarks.told import Account, account, misannounced, standing

TICK_S = 1.0
"""What the longest tick is to stay below: the time between two."""


def main() -> int:
    """The tables, and whether the promises are kept."""
    plan = QUICK if parser(__doc__).parse_args().quick else FULL
    for name in ("prometheus", "promtool", "prometheus-alertmanager"):
        if shutil.which(name) is None:
            raise SystemExit(f"{name} is not on PATH; on Debian: apt-get install prometheus prometheus-alertmanager")
    with running(plan) as stage:
        stage.play()
        stage.await_the_rest()
        return verdict(tell(stage))


def tell(stage: Stage) -> list[Reach]:
    """Print what was found; what is expected of it."""
    announced = stage.reference.first()
    missing, strange = misannounced(stage.alerts, announced)
    for what in sorted(map(str, [*missing, *strange])):
        print(f"series and announcements differ: {what}")
    firing = sum(one.word == FIRING for one in announced)
    ended = len(announced) - firing
    print(f"the series give {len(stage.alerts)} alerts; announced are {firing} beginnings and {ended} ends", flush=True)
    whom = (stage.reference, *stage.others)
    found = {r: account(r, announced, stage.killed, repeats=isinstance(r, Gate)) for r in whom}
    table("What each heard of what was announced", _HEAD, [_row(r, a) for r, a in found.items()])
    return [
        Reach("alerts that nobody was told of, and the other way round", len(missing) + len(strange), 1, "news"),
        *(_promised(receiver, its) for receiver, its in found.items()),
        *_states(stage, announced),
        *_ticks(stage),
        Reach("tracebacks in its log", stage.sentio.log.count("Traceback"), 1, "tracebacks"),
    ]


_HEAD = [
    "receiver", "heard", "lost", "unheard of", "doubled", "again, as may be", "out of order", "refused",
    "latest, s", "caught up, s",
]  # fmt: skip


def _row(receiver: Receiver, its: Account) -> list[str]:
    counts = (its.heard, its.lost, its.strange, its.doubled, its.again, its.disordered)
    caught_up = "" if its.caught_up is None else number(its.caught_up)
    return [receiver.name, *map(str, counts), str(receiver.refused or ""), number(its.delay), caught_up]


def _promised(receiver: Receiver, its: Account) -> Reach:
    amiss = its.lost + its.strange + its.doubled + its.disordered
    return Reach(f"{receiver.name}: lost, unheard of, doubled or out of order", amiss, 1, "news")


def _states(stage: Stage, announced: dict[News, float]) -> list[Reach]:
    expected = standing(announced)
    rows, reaches = [], []
    for gate in (stage.up, stage.late):
        seen = gate.standing()
        rows.append([gate.name, str(len(expected)), str(len(seen)), str(len(expected ^ seen))])
        reaches.append(Reach(f"{gate.name}: wrong in its state at the end", len(expected ^ seen), 1, "alerts"))
    table("What the Alertmanagers say stands at the end", ["Alertmanager", "stand", "listed", "wrong"], rows)
    return reaches


def _ticks(stage: Stage) -> list[Reach]:
    p, ticks = stage.plan, stage.ticks
    start = stage.begun + p.before
    phases = {
        "before the outage": ticks.between(0, start),
        "in the outage": ticks.between(start, start + p.outage),
        "after it": ticks.between(start + p.outage, float("inf")),
        "first after a start": ticks.first(),
    }
    head = ["ticks", "count", "median ms", "longest ms", "at, s", "late, skipped, failed", "oldest sample, s"]
    table("Score ticks, one a second", head, [_phase(name, looks, stage.begun) for name, looks in phases.items()])
    outage = phases["in the outage"]
    return [
        Reach("longest tick in the outage", max(look.seconds for look in outage), TICK_S, "s"),
        Reach("ticks late, skipped, abandoned or failed in it", sum(look.amiss for look in outage), 1, "ticks"),
    ]


def _phase(name: str, looks: list[Look], begun: float) -> list[str]:
    longest = max(looks, key=lambda look: look.seconds)
    median = quantile([look.seconds for look in looks], 0.5)
    count, amiss = sum(look.ticks for look in looks), sum(look.amiss for look in looks)
    times = [number(1000 * median), number(1000 * longest.seconds), f"{longest.at - begun:.0f}"]
    return [name, str(count), *times, str(amiss), number(max(look.age for look in looks))]


if __name__ == "__main__":
    sys.exit(main())
