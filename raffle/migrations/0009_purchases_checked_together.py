from django.db import migrations

from raffle.migrations._guards import rewritten


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
