app_name = "raffle"
urlpatterns = []
