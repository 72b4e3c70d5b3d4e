"""Install the rules that live in the database (guards.sql). There is no way back on purpose."""

from pathlib import Path

from django.conf import settings
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("raffle", "0001_record"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [migrations.RunSQL((Path(__file__).parent / "guards.sql").read_text("utf-8"))]
