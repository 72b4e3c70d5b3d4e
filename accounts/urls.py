from django.urls import path

from accounts import pages

urlpatterns = [
    path("", pages.account, name="account_page"),
    path("my-data.json", pages.data, name="account_data"),
    path("delete/", pages.leave, name="account_leave"),
]
