from django.urls import path

from accounts import pages, work

urlpatterns = [
    path("", pages.account, name="account_page"),
    path("my-data.json", pages.data, name="account_data"),
    path("signup/challenge.json", work.give, name="account_challenge"),
    path("delete/", pages.leave, name="account_leave"),
]
