from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RaffleConfig(AppConfig):
    name = "raffle"
    verbose_name = _("Raffle")
