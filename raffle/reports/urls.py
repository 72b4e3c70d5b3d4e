from django.urls import path

from raffle.reports import views

app_name = "reports"
urlpatterns = [
    path("<slug:slug>/reports/", views.index, name="index"),
    path("<slug:slug>/everything.zip", views.export_everything, name="everything"),
    path("<slug:slug>/reports/<slug:name>/", views.report, name="report"),
    path("<slug:slug>/reports/<slug:name>.csv", views.export, name="export"),
]
