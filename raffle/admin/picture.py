"""The picture of the prize: the one page of the site that takes a file."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from raffle import picturing
from raffle.admin.acts import Act
from raffle.errors import Refusal
from raffle.models import Picture, Raffle
from raffle.picturing import MOST_BYTES, PictureIsFixed

FORM = 20_000  # bytes, for what is not the picture


class InMemory(MemoryFileUploadHandler):
    """Keeps a file in memory if the whole request is small enough; else nothing of it."""

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any,  # noqa: N803
        encoding: str | None = None,
    ) -> None:  # fmt: skip
        self.activated = content_length <= MOST_BYTES + FORM

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return super().receive_data_chunk(raw_data, start) if self.activated else None


class PictureForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("Picture"),
        help_text=gettext_lazy("JPEG, PNG or WebP, at most 5 MB. Where it was taken, and with which camera, is left out."),  # noqa: E501
        error_messages={"required": gettext_lazy("Choose a file of at most 5 MB.")},
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )  # fmt: skip
    alt = forms.CharField(
        label=gettext_lazy("What it shows"),
        max_length=300,
        help_text=gettext_lazy("In a sentence, for those who cannot see it."),
        error_messages={"required": gettext_lazy("Say in a sentence what the picture shows.")},
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )


class ChangePicture(Act):
    name, title = "picture", gettext_lazy("Picture of the prize")
    permissions = ("raffle.change_raffle",)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Files are taken here, and only here; the check for forgery, which reads the form, comes
        after that is arranged.
        """
        protected: Callable[..., HttpResponseBase] = csrf_protect(super().as_view(**initkwargs))

        def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            request.upload_handlers = [InMemory(request)]
            return protected(request, *args, **kwargs)

        return csrf_exempt(view)

    @property
    def label(self) -> str:
        return _("Picture of the prize")

    @property
    def picture(self) -> Picture | None:
        return Picture.objects.only(*Picture.SHOWN).filter(raffle=self.raffle).first()

    @property
    def hindrance(self) -> str:
        is_early = self.raffle.status in (Raffle.Status.DRAFT, Raffle.Status.OPEN)
        return "" if is_early and not self.raffle.sold else PictureIsFixed().detail

    def form(self, data: Any = None) -> forms.Form:
        files = self.request.FILES if data is not None else None
        initial = {"alt": self.picture.alt} if self.picture else {}
        return PictureForm(data, files, initial=initial)

    def post(self, request: HttpRequest, **kwargs: int) -> HttpResponse:
        if "remove" not in request.POST:
            return super().post(request, **kwargs)
        try:
            picturing.remove_picture(raffle_id=self.raffle.pk)
        except Refusal as refusal:
            self.look(self.kwargs["pk"])
            messages.error(request, refusal.detail)
            return self.page(refusal.status, form=self.form(), hindrance=self.hindrance)
        return self._done(request, _("Removed the picture."))

    def _done(self, request: HttpRequest, done: str) -> HttpResponse:
        LogEntry.objects.log_actions(self.user.pk, [self.subject], CHANGE, done, single_object=True)
        messages.success(request, done)
        return HttpResponseRedirect(self.next_address(), status=HTTPStatus.SEE_OTHER)

    def act(self, said: dict[str, Any]) -> str:
        picturing.set_picture(raffle_id=self.raffle.pk, file=said["file"], alt=said["alt"])
        return _("Changed the picture.")

    def next_address(self) -> str:
        return self.address
