from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from accounts import second_factor
from raffle.api.routes import api
from rafflesite import health, languages

# Staff sign in where everybody does, behind the same throttling.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
second_factor.guard(admin.site)

handler500 = "rafflesite.errors.server_error"

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("admin/", admin.site.urls),
    path("language/<str:language>/", languages.choose, name="language"),
    path("words/<str:language>.js", languages.Words.as_view(packages=["raffle"]), name="words"),
    path("accounts/", include("accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/", api.urls),
    path("staff/raffles/", include("raffle.reports.urls")),
    path("", include("raffle.pages.urls")),
]
