from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_added  # noqa: PLC0415 - models come first
        from allauth.usersessions.models import UserSession  # noqa: PLC0415
        from django.db.models.signals import pre_save  # noqa: PLC0415

        from accounts import second_factor, sessions, signing_in  # noqa: PLC0415

        signing_in.listen()
        authenticator_added.connect(second_factor.was_set_up)
        pre_save.connect(sessions.forget_address, sender=UserSession)
