"""The people of the site: everybody signs in with an e-mail address."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from accounts.mailboxes import SHARED, MailboxField, canonical


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address (Django's own manager wants a user name)."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def has_mailbox(self, email: str, besides: int | None = None) -> bool:
        """Whether an account, other than number `besides`, gets the mail that is sent there."""
        value = canonical(email)
        same = models.Q(mailbox=value) | models.Q(mailbox__startswith=value + SHARED)
        others = self.filter(same)
        return (others.exclude(pk=besides) if besides else others).exists()


class User(AbstractUser):
    """A buyer, or a member of staff; never both: whoever may draw cannot hold a ticket."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail address"), unique=True)

    mailbox = MailboxField(max_length=320, unique=True, editable=False)
    language = models.CharField(_("language"), max_length=10, blank=True, default="")
    time_zone = models.CharField(_("time zone"), max_length=50, blank=True, default="")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    # Of whoever sends a request: staff who have yet to show their second factor.
    lacks_second_factor = False

    class Meta:
        verbose_name, verbose_name_plural = _("user"), _("users")
        constraints = (
            models.UniqueConstraint(Lower("email"), name="user_email_once"),
            # Target of the key by which every purchase says that its buyer is not staff.
            models.UniqueConstraint(fields=["id", "is_staff"], name="user_staff_key"),
        )

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        changed = kwargs.get("update_fields")
        if changed is not None and "email" in changed:
            kwargs["update_fields"] = {*changed, "mailbox"}
        super().save(*args, **kwargs)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return not self.lacks_second_factor and super().has_perm(perm, obj)

    def has_module_perms(self, app_label: str) -> bool:
        return not self.lacks_second_factor and super().has_module_perms(app_label)


class SignIn(models.Model):
    """Staff came, left, failed to come in, or changed how. Only ever added; buyers are not tracked.

    The address they came from can be forgotten, nothing else changes (accounts/migrations/0002).
    """

    class Kind(models.TextChoices):
        IN = "in", _("signed in")
        OUT = "out", _("signed out")
        FAILED = "failed", _("failed to sign in")
        FACTOR = "factor", _("failed at the second factor")
        SET_UP = "set_up", _("set up the second factor")
        TAKEN = "taken", _("took the second factor away")
        RESET = "reset", _("second factor reset by an operator")

    user = models.ForeignKey(User, models.PROTECT, related_name="sign_ins")
    kind = models.CharField(max_length=6, choices=Kind)
    at = models.DateTimeField(db_default=Now(), editable=False)
    address = models.GenericIPAddressField(_("from"), null=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name, verbose_name_plural = _("sign-in"), _("sign-ins")
        indexes = (models.Index(fields=["at"], name="sign_in_by_time"),)

    def __str__(self) -> str:
        return f"{self.user} {self.get_kind_display()}"
