"""The people of the site: everybody signs in with an e-mail address."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower, Now


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


class User(AbstractUser):
    """A buyer, or a member of staff; never both: whoever may draw cannot hold a ticket."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.UniqueConstraint(Lower("email"), name="user_email_once"),
            # Target of the key by which every purchase says that its buyer is not staff.
            models.UniqueConstraint(fields=["id", "is_staff"], name="user_staff_key"),
        )

    def __str__(self) -> str:
        return self.email


class SignIn(models.Model):
    """A member of staff came, left, or failed to come in. Only ever added; buyers are not tracked.

    The address they came from can be forgotten, nothing else changes (accounts/migrations/0002).
    """

    class Kind(models.TextChoices):
        IN = "in", "signed in"
        OUT = "out", "signed out"
        FAILED = "failed", "failed to sign in"

    user = models.ForeignKey(User, models.PROTECT, related_name="sign_ins")
    kind = models.CharField(max_length=6, choices=Kind)
    at = models.DateTimeField(db_default=Now(), editable=False)
    address = models.GenericIPAddressField("from", null=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = "sign-in"
        indexes = (models.Index(fields=["at"], name="sign_in_by_time"),)

    def __str__(self) -> str:
        return f"{self.user} {self.get_kind_display()}"
