from django.urls import path

from raffle.pages import views

app_name = "raffle"
urlpatterns = [
    path("", views.list_raffles, name="list"),
    path("raffles/<slug:slug>/", views.detail, name="detail"),
    path("raffles/<slug:slug>/buy", views.buy, name="buy"),
    path("tickets/", views.tickets, name="tickets"),
]
