"""Accounts in the admin: people are e-mail addresses, and nobody is both buyer and staff."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.finding import named_in_full
from accounts.models import SignIn, User
from accounts.paging import FirstOnes

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")
BUYER = (
    "This account has bought tickets, so it can never become staff: whoever may draw the winner "
    "cannot hold a ticket. Create a separate staff account for this person."
)

# An address added here, or a power added to a group, would be a way around the rules below; the
# secrets of second factors, and where people are signed in, are nobody's to see.
admin.site.unregister((EmailAddress, Group, Authenticator, UserSession))


class OneAddressEach:
    """An e-mail address in lower case, as sign-up stores it, and of nobody else."""

    instance: User
    cleaned_data: dict[str, Any]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if User.objects.has_mailbox(email, besides=self.instance.pk):
            raise forms.ValidationError("There is an account with this e-mail address already.")
        return email


class NewUserForm(OneAddressEach, AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class UserForm(OneAddressEach, UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = "__all__"

    def clean_is_staff(self) -> bool:
        """The lock makes a purchase of this very moment wait, so that what is seen here is true;
        without it the database would still refuse, as purchase_buyer_is_not_staff.
        """
        is_staff: bool = self.cleaned_data["is_staff"]
        if is_staff:
            user = User.objects.select_for_update().get(pk=self.instance.pk)
            if user.purchases.exists():
                raise forms.ValidationError(BUYER)
        return is_staff


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    form = UserForm
    add_form = NewUserForm
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Name", {"fields": ("first_name", "last_name")}),
        ("What this account may do", {"fields": ("is_active", *POWERS)}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("email", "usable_password", "password1", "password2"),
            },
        ),
    )
    readonly_fields = ("last_login", "date_joined")
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "last_login")
    search_fields = ("email", "first_name", "last_name")
    ordering = ("-pk",)
    list_per_page = 50
    paginator = FirstOnes
    show_full_result_count = False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """Whoever is named in full is found without a look at all the others."""
        found = named_in_full(search_term.strip())
        if found is not None:
            return queryset.filter(pk__in=found), False
        return super().get_search_results(request, queryset, search_term)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Only superusers hand out powers: else whoever may edit accounts could give them all."""
        readonly = tuple(super().get_readonly_fields(request, obj))
        return readonly if request.user.is_superuser else (*readonly, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only superusers change staff accounts: a new password is as good as the account."""
        theirs = obj is None or not obj.is_staff or request.user.is_superuser
        return super().has_change_permission(request, obj) and theirs

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        theirs = obj is None or not obj.is_staff or request.user.is_superuser
        return super().has_delete_permission(request, obj) and theirs

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Whoever bought or acted as staff stays, for the record, and can be made inactive."""
        objects, counts, lacking, protected = super().get_deleted_objects(objs, request)
        acted = User.objects.filter(pk__in=[user.pk for user in objs], logentry__isnull=False)
        protected = [*protected, *(f"what {user} did as staff" for user in acted.distinct())]
        return objects, counts, set() if protected else lacking, protected

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A changed e-mail address must not leave the old one able to sign in."""
        super().save_model(request, obj, form, change)
        EmailAddress.objects.filter(user=obj).exclude(email__iexact=obj.email).delete()


@admin.register(Group)
class SuperusersGroupAdmin(GroupAdmin):
    """A group's powers are its members' powers: only superusers deal in them."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    has_add_permission = has_module_permission

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_delete_permission = has_change_permission
    has_view_permission = has_change_permission


@admin.register(SignIn)
class SignInAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The log of the staff's sign-ins, to be read."""

    list_display = ("at", "user", "kind", "address")
    list_filter = ("kind", "at")
    date_hierarchy = "at"
    search_fields = ("user__email",)
    list_select_related = ("user",)
    list_per_page = 50
    paginator = FirstOnes
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_delete_permission = has_change_permission
