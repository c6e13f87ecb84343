"""The benchmark `receivers` says what was lost and doubled: it must see both."""

from __future__ import annotations

from benchmarks.hearing import FIRING, RESOLVED, Message, News, Receiver
from benchmarks.told import Account, Alert, account, misannounced, standing

KILLED = 100.0
BEGINS, ENDS = News("a", 90, FIRING), News("a", 90, RESOLVED)
ANNOUNCED = {BEGINS: 90.5, ENDS: 95.5}


def heard(*messages: tuple[float, str, News], back: float = 0.0, repeats: bool = False) -> Account:
    receiver = Receiver("it")
    receiver.taken = [Message(at, identity, (news,)) for at, identity, news in messages]
    receiver.back = back
    return account(receiver, ANNOUNCED, KILLED, repeats=repeats)


def test_all_of_it_once() -> None:
    assert heard((91.0, "x", BEGINS), (97.0, "y", ENDS), back=96.0) == Account(2, 0, 0, 0, 0, 0, 1.0, 1.0)


def test_what_is_lost_strange_or_out_of_order() -> None:
    assert heard((91.0, "x", BEGINS)).lost == 1
    assert heard((91.0, "x", BEGINS), (96.0, "y", ENDS), (97.0, "z", News("b", 90, FIRING))).strange == 1
    assert heard((91.0, "x", ENDS), (96.0, "y", BEGINS)).disordered == 1


def test_a_kill_excuses_one_message_that_was_under_way() -> None:
    once = (91.0, "x", BEGINS)
    cases = [
        ((99.9, "y"), (103.0, "y"), (1, 0)),
        ((96.0, "y"), (103.0, "y"), (0, 1)),
        ((99.9, "y"), (103.0, "z"), (0, 1)),
        ((99.8, "y"), (99.9, "y"), (0, 1)),
        ((101.0, "y"), (103.0, "y"), (0, 1)),
    ]
    for first, second, expected in cases:
        found = heard(once, (*first, ENDS), (*second, ENDS))
        assert (found.again, found.doubled) == expected, (first, second)
    thrice = heard(once, (99.9, "y", ENDS), (103.0, "y", ENDS), (104.0, "y", ENDS))
    assert (thrice.again, thrice.doubled) == (0, 2)


def test_an_alertmanager_is_told_again_but_not_of_a_beginning_after_the_end() -> None:
    first, second, end, end_again = (91.0, "", BEGINS), (92.0, "", BEGINS), (96.0, "", ENDS), (97.0, "", ENDS)
    found = heard(first, second, end, end_again, repeats=True)
    assert (found.again, found.doubled) == (2, 0)
    found = heard(first, end, (97.0, "", BEGINS), repeats=True)
    assert (found.again, found.doubled) == (0, 1)


def test_what_is_announced_is_what_the_series_did() -> None:
    did = Alert("a", 89.3, 95.0)
    assert misannounced([did], ANNOUNCED) == (set(), set())
    assert misannounced([did], [BEGINS]) == ({(did, RESOLVED)}, set())
    assert misannounced([], ANNOUNCED) == (set(), set(ANNOUNCED))
    stays = Alert("a", 89.3, None)
    assert misannounced([stays], ANNOUNCED) == (set(), {ENDS})
    assert misannounced([Alert("b", 89.3, None)], ()) == ({(Alert("b", 89.3, None), FIRING)}, set())
    assert standing(ANNOUNCED) == set()
    assert standing([BEGINS]) == {("a", 90)}
