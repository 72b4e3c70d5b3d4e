from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("raffle", "0004_watching"),
    ]

    operations = [
        migrations.CreateModel(
            name="Picture",
            fields=[
                (
                    "raffle",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="picture",
                        serialize=False,
                        to="raffle.raffle",
                    ),
                ),
                (
                    "alt",
                    models.CharField(
                        help_text="In a sentence, for those who cannot see it.",
                        max_length=300,
                        verbose_name="what it shows",
                    ),
                ),
                ("sha256", models.CharField(editable=False, max_length=64)),
                ("wide", models.BinaryField()),
                ("wide_width", models.PositiveIntegerField(editable=False)),
                ("wide_height", models.PositiveIntegerField(editable=False)),
                ("small", models.BinaryField()),
                ("small_width", models.PositiveIntegerField(editable=False)),
                ("small_height", models.PositiveIntegerField(editable=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("alt", ""), _negated=True), name="picture_is_described"
                    )
                ],
            },
        ),
        migrations.RunSQL((Path(__file__).parent / "picture.sql").read_text("utf-8")),
    ]
