from typing import Any

from django.db import migrations

from accounts.mailboxes import SHARED, MailboxField, canonical


def fill(apps: Any, schema_editor: Any) -> None:
    """The oldest account has its mailbox; younger ones that share it keep working, marked."""
    User = apps.get_model("accounts", "User")
    seen = set()
    for user in User.objects.order_by("pk").only("pk", "email").iterator():
        value = canonical(user.email)
        marked = f"{value}{SHARED}{user.pk}" if value in seen else value
        seen.add(value)
        User.objects.filter(pk=user.pk).update(mailbox=marked)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_preferences"),
    ]

    operations = [
        migrations.AddField(
            "user", "mailbox", MailboxField(max_length=320, default="", editable=False), False
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.AlterField(
            "user", "mailbox", MailboxField(max_length=320, editable=False, unique=True)
        ),
    ]
