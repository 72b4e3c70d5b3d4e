import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_one_account_a_mailbox"),
        ("raffle", "0005_picture"),
    ]

    operations = [
        migrations.CreateModel(
            name="NoReminders",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="no_reminders",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RemindedUpTo",
            fields=[
                (
                    "raffle",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        serialize=False,
                        to="raffle.raffle",
                    ),
                ),
                ("buyer", models.PositiveBigIntegerField(default=0)),
                ("done", models.BooleanField(default=False)),
            ],
        ),
    ]
