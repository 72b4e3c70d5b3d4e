from django.db import migrations

from raffle.migrations._guards import rewritten


class Migration(migrations.Migration):
    """Each line of the ledger was parsed five times, and each ticket looked up again."""

    dependencies = [("raffle", "0009_purchases_checked_together")]

    operations = [
        migrations.RunSQL(rewritten("raffle_tickets_sold"), migrations.RunSQL.noop),
        migrations.RunSQL(rewritten("raffle_ledger_continued"), migrations.RunSQL.noop),
    ]
