from django.urls import path

from raffle.pages import live, pictures, proof, receipts, reminders, views

app_name = "raffle"
urlpatterns = [
    path("", views.list_raffles, name="list"),
    path("raffles/<slug:slug>/", views.detail, name="detail"),
    path("raffles/<slug:slug>/live/", live.live, name="live"),
    path("raffles/<slug:slug>/<str:size>-<str:sha256>.webp", pictures.picture, name="picture"),
    path("raffles/<slug:slug>/buy", views.buy, name="buy"),
    path("raffles/<slug:slug>/ledger.jsonl", proof.ledger, name="ledger"),
    path("raffles/<slug:slug>/manifest.txt", proof.manifest, name="manifest"),
    path("raffles/<slug:slug>/draw.json", proof.draw, name="draw"),
    path("raffles/<slug:slug>/verify/", proof.verify, name="verify"),
    path("verify_raffle.py", proof.verifier, name="verifier"),
    path("reminders/<str:token>/", reminders.choose, name="reminders"),
    path("tickets/", views.tickets, name="tickets"),
    path("receipts/<uuid:purchase>/", receipts.show, name="receipt"),
    path("receipts/<uuid:purchase>.txt", receipts.text, name="receipt_text"),
    path("receipts/<uuid:purchase>/print", receipts.print_copy, name="receipt_print"),
]
