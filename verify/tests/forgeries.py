"""Every forgery by name. `python -m verify.tests.forgeries` writes them, and the genuine records,
as one JSON object, for a verifier in another language.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from verify.tests import (
    forged_chains,
    forged_draws,
    forged_lists,
    forged_pasts,
    forged_people,
    forged_prizes,
    forged_sales,
    forged_seals,
    forged_summaries,
    forged_terms,
)
from verify.tests.forging import FORGERIES
from verify.tests.genuine import GENUINE, LEVELS
from verify.tests.records import Files

__all__ = ["FORGERIES", "everything"]

# Importing them has entered their forgeries.
ROOMS = [
    forged_chains,
    forged_sales,
    forged_terms,
    forged_lists,
    forged_seals,
    forged_draws,
    forged_prizes,
    forged_people,
    forged_summaries,
    forged_pasts,
]


def as_json(files: Files) -> dict[str, Any]:
    """Bytes as text, one letter a byte (latin-1), for what is not UTF-8 is a forgery too."""
    return {
        name: value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in vars(files).items()
    }


def everything() -> dict[str, Any]:
    genuine = {}
    for name, make in GENUINE.items():
        record = make()
        levels = dict(zip(("alone", "with_head"), LEVELS[make], strict=True))
        head = record.head("sealed" if record.all("sealed") else None)
        tickets = [record.receipt(number) for number in record.tickets()]
        genuine[name] = as_json(record.files()) | {
            "levels": levels, "head": head, "all_receipts": tickets
        }  # fmt: skip
    forged = {
        name: as_json(forgery.files())
        | {
            "sentence": forgery.sentence, "check": forgery.check, "also": sorted(forgery.also),
            "needs_bls": forgery.needs_bls, "of": forgery.of,
        }
        for name, forgery in FORGERIES.items()
    }  # fmt: skip
    return {"genuine": genuine, "forgeries": forged}


if __name__ == "__main__":
    json.dump(everything(), sys.stdout)
