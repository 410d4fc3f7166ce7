"""The addresses of the API; each is there with and without a slash at its end."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import DefaultRouter

from web.api.resources.interactions import InteractionViewSet
from web.api.resources.items import ItemViewSet
from web.api.resources.matrices import CellViewSet, MatrixViewSet
from web.api.resources.recommenders import RecommendedItems, RecommenderViewSet, SimilarItems
from web.api.resources.users import UserViewSet

router = DefaultRouter()
router.trailing_slash = "/?"
router.include_format_suffixes = False
router.register("users", UserViewSet, "user")
router.register("items", ItemViewSet, "item")
router.register("interactions", InteractionViewSet, "interaction")
router.register("similarity-matrix", MatrixViewSet, "similarity-matrix")
router.register("similarity-matrix-cells", CellViewSet, "similarity-matrix-cell")
router.register("recommenders", RecommenderViewSet, "recommender")

PERSON = r"^recommender/(?P<recommender_id>\d{1,18})/users/(?P<user_id>\d{1,18})/items"
app_name = "api"
urlpatterns = [
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs",
        SpectacularSwaggerSplitView.as_view(
            url_name="api:schema", template_name="api/docs.html"
        ),
        name="docs",
    ),
    re_path(rf"{PERSON}/?$", RecommendedItems.as_view(), name="recommended"),
    re_path(rf"{PERSON}/(?P<item_id>\d{{1,18}})/similar/?$", SimilarItems.as_view(), name="similar"),
    path("", include(router.urls)),
]
