from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        from accounts import signing_in  # noqa: PLC0415 - models come first

        signing_in.listen()
