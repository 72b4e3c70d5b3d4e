"""Forged beacons and forged picks."""

from __future__ import annotations

from datetime import timedelta

from verify.tests.forging import forgery, place
from verify.tests.records import SIGNATURES, Files, Record, parse, round_time, sha256, spell

# beacon


@forgery("beacon", "beacon")
def another_network(record: Record) -> Record:
    """The seal names another network, whose key the forger may well hold."""
    record.last("sealed")["beacon"]["chain"] = sha256("my own network")
    return record


@forgery("beacon", "beacon")
def a_later_round(record: Record) -> Record:
    """The seal names a later round than the rule gives; its signature is genuine."""
    return _seal_for(record, 657413)


@forgery("beacon_claims", "beacon")
def an_earlier_round(record: Record) -> Record:
    """The seal names a round that was long known; its signature is genuine."""
    del record.facts[place(record, "drawn") + 1 :]
    return _seal_for(record, 1000)


@forgery("beacon", "beacon")
def sealed_a_moment_too_late(record: Record) -> Record:
    """The seal stands less than 120 seconds before its round."""
    record.last("sealed")["at"] = spell(round_time(1000) - timedelta(seconds=119.999999))
    return record


@forgery("beacon", "beacon")
def sealed_a_moment_too_early(record: Record) -> Record:
    """The seal stands 123 seconds before its round: there was an earlier round, that it passed."""
    record.facts[-3]["at"] = record.last("sealed")["at"] = spell(
        round_time(1000) - timedelta(seconds=123)
    )
    return record


@forgery("sealed", "beacon")
def sealed_for_the_next_round(record: Record) -> Record:
    """The seal names the round after the one that the rule gives."""
    beacon = record.last("sealed")["beacon"]
    beacon["round"] += 1
    beacon["time"] = spell(round_time(beacon["round"]))
    return record


@forgery("sealed", "beacon")
def another_time_for_the_round(record: Record) -> Record:
    """The seal says another time for its round."""
    record.last("sealed")["beacon"]["time"] = record.last("sealed")["at"]
    return record


@forgery("beacon", "beacon")
def drawn_before_the_round(record: Record) -> Record:
    """The draw is dated before its round came."""
    record.last("drawn")["at"] = spell(round_time(1000) - timedelta(microseconds=1))
    return record


@forgery("beacon", "beacon", needs_bls=True)
def signature_of_another_round(record: Record) -> Record:
    """Quicknet's signature, but of another round; randomness and winners follow from it."""
    return _sign(record, SIGNATURES[657413])


@forgery("beacon", "beacon", needs_bls=True)
def signature_made_up(record: Record) -> Record:
    """Forty-eight bytes made up until the friend won."""
    return _sign(record, "a" * 96)


@forgery("beacon", "beacon", needs_bls=True)
def signature_at_infinity(record: Record) -> Record:
    """The signature is the point at infinity."""
    return _sign(record, "c" + "0" * 95)


@forgery("beacon", "beacon", needs_bls=True)
def signature_outside_the_group(record: Record) -> Record:
    """The true signature and a point of small order added: it passes the pairing, and there are
    so many of these that one can be chosen whose winner pleases.
    """
    return _sign(
        record,
        "94385d48ab9d338824a523ff7d310fbeeac0184598d56b49f27857bcd3ef91f6"
        "ead1c7ef99c9beee47784ebba5c635de",
    )


@forgery("beacon", "beacon", needs_bls=True)
def signature_negated(record: Record) -> Record:
    """The true signature with the other sign."""
    return _sign(record, "9" + SIGNATURES[1000][1:])


@forgery("beacon", "beacon")
def signature_in_capitals(record: Record) -> Record:
    """The true signature in capital letters."""
    record.last("drawn")["signature"] = SIGNATURES[1000].upper()
    return record


@forgery("beacon", "beacon")
def signature_cut_short(record: Record) -> Record:
    """A signature of 47 bytes."""
    return _sign(record, SIGNATURES[1000][:-2])


@forgery("beacon", "beacon", "draw", "winners", "draw_file")
def signature_kept_secret(record: Record) -> Files:
    """The draw does not say the signature, so that nobody can check it."""
    files = record.files()
    del record.last("drawn")["signature"]
    return Files(record.ledger(), files.manifest, files.draw)


@forgery("local", "beacon")
def signature_for_show(record: Record) -> Record:
    """A draw by the site itself shows some round's signature, to look like a beacon's."""
    record.last("drawn")["signature"] = SIGNATURES[1000]
    return record


# draw


@forgery("local", "draw")
def picked_another(record: Record) -> Record:
    """A friend's ticket was picked, not the sealed one; everything after it agrees."""
    record.last("drawn")["picked"] = [5]
    return record.reorder()


@forgery("local", "draw")
def pick_and_order_differ(record: Record) -> Record:
    """The right index was picked, and counted to the wrong ticket."""
    record.last("drawn")["order"] = [6]
    return record.award()


@forgery("local", "draw", "winners", "draw_file")
def void_or_unsold_number_drawn(record: Record) -> Files:
    """Number 9 was drawn; it was never sold."""
    drawn = record.last("drawn")
    drawn["order"] = drawn["winners"] = [9]
    return record.files()


@forgery("beacon", "draw")
def void_ticket_drawn(record: Record) -> Record:
    """The void ticket number 4 was drawn first."""
    record.last("drawn")["order"][0] = 4
    return record.award()


@forgery("beacon", "draw")
def picks_that_hash_the_offset(record: Record) -> Record:
    """The beacon's part is hashed with the offset, so that the sealer could search for one."""
    record.last("drawn")["picked"] = [
        (r + int(sha256(f"{record.randomness()}|{r}"), 16)) % (6 - i)
        for i, r in enumerate(record.last("sealed")["offsets"])
    ]
    return record.reorder()


@forgery("beacon", "draw")
def picks_without_the_offset(record: Record) -> Record:
    """The picks are the beacon's alone."""
    record.last("drawn")["picked"] = [record.chance(i, 6 - i) for i in range(3)]
    return record.reorder()


@forgery("beacon", "draw")
def picks_without_the_beacon(record: Record) -> Record:
    """The picks are the offsets' alone."""
    record.last("drawn")["picked"] = list(record.last("sealed")["offsets"])
    return record.reorder()


@forgery("beacon", "draw")
def picks_of_a_second_try(record: Record) -> Record:
    """The hash was thrown away and made anew without need: t starts at 1."""
    sealed = record.last("sealed")
    stem = f"raffle-draw/v1|{record.raffle}|{sealed['manifest']}|1000|{record.randomness()}"
    record.last("drawn")["picked"] = [
        (r + int(sha256(f"{stem}|{i}|1"), 16)) % (6 - i) for i, r in enumerate(sealed["offsets"])
    ]
    return record.reorder()


@forgery("beacon", "draw")
def picks_from_all_entries(record: Record) -> Record:
    """The second pick is scaled to all entries, as if none were gone."""
    record.last("drawn")["picked"][1] = (
        record.last("sealed")["offsets"][1] + record.chance(1, 6)
    ) % 5
    return record.reorder()


@forgery("beacon", "draw")
def one_pick_too_few(record: Record) -> Record:
    """The alternate was not drawn."""
    record.last("drawn")["picked"].pop()
    return record.reorder()


@forgery("beacon", "draw")
def drawn_from_more_entries(record: Record) -> Record:
    """The draw speaks of more entries than the seal."""
    record.last("drawn")["entries"] += 1
    return record


@forgery("local", "draw")
def drawn_from_another_list(record: Record) -> Record:
    """The draw speaks of another list than the seal."""
    record.last("drawn")["manifest"] = sha256("another")
    return record


@forgery("manual_many", "draw")
def too_few_from_the_drum(record: Record) -> Record:
    """Two prizes, one number."""
    record.last("drawn").update(order=[2], picked=[1])
    return record.award()


@forgery("manual", "draw")
def too_many_from_the_drum(record: Record) -> Record:
    """They drew on until somebody had won."""
    record.last("drawn").update(order=[4, 6], picked=[3, 4])
    record.facts.pop()
    return record.award()


@forgery("manual_many", "draw")
def the_same_number_twice_from_the_drum(record: Record) -> Record:
    """Number 2 was drawn twice."""
    record.last("drawn").update(order=[2, 6, 2], picked=[1, 4, 1])
    return record.award()


@forgery("manual_many", "draw", "winners")
def unsold_number_from_the_drum(record: Record) -> Record:
    """Number 11 was drawn; it was never sold."""
    record.last("drawn").update(order=[2, 6, 11], picked=[1, 4, 8])
    return record


def _seal_for(record: Record, number: int) -> Record:
    sealed = record.last("sealed")
    sealed["beacon"] |= {"round": number, "time": spell(round_time(number))}
    drawn = record.last("drawn")
    drawn["at"] = max(drawn["at"], sealed["at"], sealed["beacon"]["time"])
    assert parse(drawn["at"]) >= round_time(number)
    return _sign(record, SIGNATURES[number])


def _sign(record: Record, signature: str) -> Record:
    record.last("drawn")["signature"] = signature
    return record.rework()
