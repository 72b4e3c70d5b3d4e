from pathlib import Path

from django.db import migrations

GUARDS = (Path(__file__).parent / "guards.sql").read_text("utf-8")


def rewritten(name: str) -> str:
    """The function as guards.sql has it now, in place of what an earlier version had put there."""
    begin = GUARDS.index(f"CREATE FUNCTION {name}(")
    end = GUARDS.index("END $$;", begin) + len("END $$;")
    return GUARDS[begin:end].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)


class Migration(migrations.Migration):
    """Whether a purchase is whole cost more than all else that is checked of a sale together."""

    dependencies = [("raffle", "0008_ledger_in_order_of_time")]

    operations = [
        migrations.RunSQL(rewritten("raffle_tickets_sold"), migrations.RunSQL.noop),
        migrations.RunSQL(rewritten("raffle_purchase_made"), migrations.RunSQL.noop),
        migrations.RunSQL(
            "DROP FUNCTION IF EXISTS raffle_purchase_is_whole(uuid)", migrations.RunSQL.noop
        ),
    ]
