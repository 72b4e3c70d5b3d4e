"""For the migrations that change what guards.sql says."""

from pathlib import Path

GUARDS = (Path(__file__).parent / "guards.sql").read_text("utf-8")


def rewritten(name: str) -> str:
    """The function as guards.sql has it now, in place of what an earlier version had put there."""
    begin = GUARDS.index(f"CREATE FUNCTION {name}(")
    end = GUARDS.index("END $$;", begin) + len("END $$;")
    return GUARDS[begin:end].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
