"""What staff do, each act on a page of its own: GET explains, POST acts.

No view here opens a transaction: the functions that act are durable, so that what they return is
committed. Each checks its rules again under the lock; what the page says before is a courtesy.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views import View

from accounts.models import User
from raffle.admin.figures import Figures
from raffle.errors import NotOpen, Refusal
from raffle.models import Raffle

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Page(View):
    """A page about a raffle, or something of it, for staff with one of its permissions."""

    http_method_names: ClassVar[list[str]] = ["get", "head", "options"]  # type: ignore[misc]
    name: ClassVar[str]
    title: ClassVar[str | _StrPromise]
    permissions: ClassVar[tuple[str, ...]]
    user: User
    subject: Any  # the raffle, or what of it the page is about
    figures: Figures

    @classmethod
    def on(cls, user: User, subject: Model, figures: Figures) -> Self:
        """The page that `user` would see, to ask it for its label, its address and so on."""
        page = cls()
        page.user, page.subject, page.figures = user, subject, figures
        return page

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.user = cast(User, request.user)
        if not self.is_permitted:
            raise PermissionDenied
        self.look(kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    def look(self, pk: int) -> None:
        """Read what the page is about, as it stands."""
        self.subject = get_object_or_404(Raffle.objects.as_it_stands(), pk=pk)
        self.figures = Figures(self.subject)

    def get(self, _request: HttpRequest, **_kwargs: int) -> HttpResponse:
        return self.page(HTTPStatus.OK)

    def page(self, status: int, **context: Any) -> HttpResponse:
        frame = admin.site.each_context(self.request)
        context = frame | {"title": self.label, "act": self, "figures": self.figures} | context
        return render(self.request, f"admin/raffle/{self.template}.html", context, status=status)

    @property
    def template(self) -> str:
        return self.name

    @property
    def is_permitted(self) -> bool:
        return any(map(self.user.has_perm, self.permissions))

    @property
    def is_offered(self) -> bool:
        """Whether it makes sense as things stand."""
        return True

    @property
    def label(self) -> str:
        return str(self.title)

    @property
    def raffle(self) -> Raffle:
        return self.figures.raffle

    @property
    def address(self) -> str:
        model = self.subject._meta.model_name
        return reverse(f"admin:raffle_{model}_{self.name}", args=[self.subject.pk])

    @property
    def back(self) -> str:
        return address_of(self.user, self.subject)


class Act(Page):
    """An act: `hindrance` says beforehand why not, `form` asks for what it takes, `act` does it."""

    http_method_names: ClassVar[list[str]] = ["get", "head", "post", "options"]  # type: ignore[misc]

    def get(self, _request: HttpRequest, **_kwargs: int) -> HttpResponse:
        return self.page(HTTPStatus.OK, form=self.form(), hindrance=self.hindrance)

    def post(self, request: HttpRequest, **_kwargs: int) -> HttpResponse:
        form = self.form(request.POST)
        if not form.is_valid():
            return self.again(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            done = self.act(form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, refusal.detail)
            self.look(self.kwargs["pk"])
            answer = self.again(form, refusal.status)
            if refusal.retry_after:
                answer.headers["Retry-After"] = str(refusal.retry_after)
            return answer
        if done:
            LogEntry.objects.log_actions(
                self.user.pk, [self.subject], CHANGE, done, single_object=True
            )
            messages.success(request, done)
        return HttpResponseRedirect(self.next_address(), status=HTTPStatus.SEE_OTHER)

    def again(self, form: forms.Form, status: int) -> HttpResponse:
        """The page once more, with what was typed and why it was refused."""
        return self.page(status, form=form, hindrance=self.hindrance)

    @property
    def template(self) -> str:
        return f"act_{self.name}"

    @property
    def is_offered(self) -> bool:
        return not self.hindrance

    @property
    def hindrance(self) -> str:
        """Why this cannot be done as things stand, if so."""
        return "" if self.raffle.status == Raffle.Status.OPEN else NotOpen().detail

    def form(self, data: Any = None) -> forms.Form:
        """What has to be typed; a form without fields is a button alone."""
        return forms.Form(data)

    def act(self, said: dict[str, Any]) -> str:
        """Do it and return what was done, in a sentence; "" if there was nothing to do."""
        raise NotImplementedError

    def next_address(self) -> str:
        return self.back


def tools(
    user: User, acts: Sequence[type[Page]], subject: Model, figures: Figures
) -> list[tuple[str, str]]:
    """Address and label of the acts that this person may do to `subject` and that make sense."""
    pages = (act.on(user, subject, figures) for act in acts)
    return [
        (page.address, f"{page.label}…") for page in pages if page.is_permitted and page.is_offered
    ]


def address_of(user: User, subject: Model) -> str:
    """The admin page of `subject`, or the admin's first page for whoever may not see it."""
    model = subject._meta.model_name
    if user.has_perm(f"raffle.view_{model}") or user.has_perm(f"raffle.change_{model}"):
        return reverse(f"admin:raffle_{model}_change", args=[subject.pk])
    return reverse("admin:index")
