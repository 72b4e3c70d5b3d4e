"""allauth's forms, with this site's rules."""

from __future__ import annotations

from typing import Any

from allauth.account import app_settings
from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.core import context
from django import forms
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts import work
from accounts.models import User


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]
    """One account a mailbox. Who has one already is told by mail, so that nobody learns who has."""

    account_already_exists: bool

    def validate_unique_email(self, value: str) -> str:
        email: str = super().validate_unique_email(value)
        if not self.account_already_exists and User.objects.has_mailbox(email):
            if not _told_by_mail():
                raise get_adapter().validation_error("email_taken")
            self.account_already_exists = True
        return email

    def clean(self) -> Any:
        """Last of all, so that a slip in another field costs nobody their proof."""
        cleaned = super().clean()
        if not self.errors:
            self._check_work(self.data.get("work", ""))
        return cleaned

    def _check_work(self, payload: str) -> None:
        if payload and not work.is_done(payload):
            raise forms.ValidationError(_("The check was too old, or used before. Try again."))
        if not payload and not work.may_do_without(context.request):
            raise forms.ValidationError(
                _("Too many accounts were made without JavaScript. Turn it on, or try again later.")
            )

    def try_save(self, request: HttpRequest) -> Any:
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])  # or how quick it is would tell
        try:
            with transaction.atomic():
                return super().try_save(request)
        except IntegrityError:  # the same mailbox, signed up with in the same moment
            if not _told_by_mail():
                raise
            self.account_already_exists = True
            return super().try_save(request)


def _told_by_mail() -> bool:
    required = app_settings.EmailVerificationMethod.MANDATORY
    return bool(required == app_settings.EMAIL_VERIFICATION)
