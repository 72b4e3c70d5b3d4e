from django.db import migrations, models


class Migration(migrations.Migration):
    """A page of a period takes its lines in order of time, and as few as it shows. Building the
    index holds up sales for about a second a million lines.
    """

    dependencies = [("raffle", "0007_names")]

    operations = [
        migrations.RemoveIndex(model_name="ledgerentry", name="ledger_by_time"),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(fields=["at"], name="ledger_by_time"),
        ),
    ]
