"""One genuine record of every sort, by name, and how far its proof goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from verify.tests.records import Record, round_time, spell


def local() -> Record:
    """One prize, drawn by the site."""
    return _sold(Record("local")).close().reconcile().seal().draw()


def beacon() -> Record:
    """Two prizes and an alternate by quicknet's round 1000; changed before the first sale."""
    record = Record("beacon", start=_before(1000), method="beacon", prizes=["A boat", "An oar"],
                    alternates=1, capacity=10, limit=3)  # fmt: skip
    record.change(capacity=14, price="1.50").open()
    _sold(record, opened=True).void(4).change(description="For the roof and the floor.")
    return _until_seal(record.close().reconcile(), 1000).seal().draw()


def beacon_claims() -> Record:
    """By round 657413, one prize each, two people; claims, one that gives up, one too late.

    Not all are picked, the draw is at the very moment of the round, the last claim the last second.
    """
    record = Record("beacon claims", start=_before(657413), method="beacon", two_people=True,
                    prizes=["A cake", "Tea", "Milk"], alternates=2, one_prize_each=True,
                    capacity=30, limit=2, claim_days=7)  # fmt: skip
    record.open()
    for name in ("ann", "bob", "cem", "dee", "eve", "fay", "hal", "gil"):
        record.sell(name, 2)
    record.void(3).void(9).close().reconcile()
    _until_seal(record, 657413, steps=2).seal().draw()
    record.claim(1).forfeit(2, given_up=True).claim(2).wait(days=8)
    return record.forfeit(3).wait(days=7, seconds=-1).claim(3)


def manual() -> Record:
    """Drawn from a drum before two people, though one is enough for a void; then nobody left."""
    record = _sold(Record("manual", method="manual", claim_days=1)).void(7)
    record.close().reconcile().seal().draw([4])
    return record.wait(days=2).forfeit(1)


def manual_many() -> Record:
    """From a drum, one prize each: five numbers until two people had won."""
    record = Record("drum", method="manual", prizes=["Ham", "Eggs"], one_prize_each=True, limit=4)
    record.open().sell("ann", 4).sell("bob", 2).sell("cem")
    return record.close().reconcile().seal().draw([2, 1, 4, 3, 6])


def local_many() -> Record:
    """Sold out from the very moment of opening; more prizes than people; names beyond ASCII."""
    start = datetime.fromisoformat("2026-11-22T17:00:00Z")
    window = {"opens_at": spell(start + timedelta(hours=1)),
              "closes_at": spell(start + timedelta(hours=2))}  # fmt: skip
    record = Record("many", start=start, prizes=["Fahrrad für Ümit", "Boat 🚣", "Hut", "Pen"],
                    alternates=2, one_prize_each=True, capacity=9, limit=3, **window)  # fmt: skip
    record.open().wait(hours=1, seconds=-3).sell("ann", 3).sell("bob", 2).sell("cem", 3).sell("bob")
    record.wait(hours=1).close().reconcile().seal().draw()
    return record.claim(2).forfeit(1, given_up=True)


def two_people() -> Record:
    """Local; a void and the draw by two people."""
    record = _sold(Record("two", two_people=True, alternates=2))
    return record.void(2).close().reconcile().seal().draw().claim()


def nobody() -> Record:
    """Nobody bought, so nobody won; sealed by a command on the server."""
    record = Record("nobody").open().close().reconcile().seal()
    record.last("sealed")["by"] = "operator"
    return record.draw()


def one() -> Record:
    """A single ticket, and all that is least."""
    record = Record("one", capacity=1, limit=1, price="0.00", claim_days=0).open().sell("ann")
    return record.close().reconcile().seal().draw().forfeit()


def draft() -> Record:
    return Record("draft").change(name="Winter raffle", slug="winter")


def open_() -> Record:
    return _sold(Record("open")).void(1)


def closed() -> Record:
    return _sold(Record("closed")).close()


def reconciled() -> Record:
    return _sold(Record("reconciled")).close().reconcile()


def sealed() -> Record:
    """Sealed, and waiting for a round that is still to come."""
    record = _sold(Record("sealed", method="beacon"))
    return record.close().reconcile().seal()


def cancelled() -> Record:
    return _sold(Record("cancelled")).void(3).cancel()


def cancelled_closed() -> Record:
    return _sold(Record("cancelled late")).close().reconcile().cancel()


# With the files alone, and with the head of the seal kept as well.
LEVELS: dict[Callable[[], Record], tuple[str, str]] = {
    local: ("L1", "L2"),
    local_many: ("L1", "L2"),
    two_people: ("L1", "L2"),
    nobody: ("L1", "L2"),
    one: ("L1", "L2"),
    manual: ("L1", "L2"),
    manual_many: ("L1", "L2"),
    beacon: ("L1", "L3"),
    beacon_claims: ("L1", "L3"),
    sealed: ("L1", "L2"),
    closed: ("L1", "L2"),
    reconciled: ("L1", "L2"),
    cancelled_closed: ("L1", "L2"),
    draft: ("L0", "L0"),
    open_: ("L0", "L0"),
    cancelled: ("L0", "L0"),
}
GENUINE = {make.__name__.rstrip("_"): make for make in LEVELS}


def _sold(record: Record, *, opened: bool = False) -> Record:
    if not opened:
        record.open()
    return record.sell("ann", 2).sell("bob").sell("cem", 2).sell("dee").sell("bob")


def _before(round_number: int) -> datetime:
    return round_time(round_number) - timedelta(days=1)


def _until_seal(record: Record, round_number: int, *, steps: int = 1) -> Record:
    """Wait until a seal, `steps` lines from here, gets this round."""
    record.now = round_time(round_number) - timedelta(seconds=121 + steps)
    return record
