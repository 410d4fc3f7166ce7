"""All that the site knows about a person, as the person may download it."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount

from web.people.models import User
from web.ratings.models import Dismissal, Interaction
from web.recommendations.models import EvaluationMetric, SimilarityMatrix, SimilarityMatrixCell


def own_data(user: User) -> dict[str, Any]:
    """Account, providers, ratings, dismissals, measures of visits, and nearest people's ids."""
    ratings = Interaction.objects.filter(user_id=user.pk).order_by("id")
    dismissals = Dismissal.objects.filter(user_id=user.pk).order_by("id")
    visits = EvaluationMetric.objects.filter(user_id=user.pk).order_by("id")
    people = SimilarityMatrix.objects.filter(type=SimilarityMatrix.Type.USER_TO_USER)
    cells = SimilarityMatrixCell.objects.filter(row=user.pk, matrix__in=people).order_by("id")
    return {
        "account": {
            "id": user.pk,
            "username": user.username,
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "date_joined": user.date_joined,
            "last_login": user.last_login,
            "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified")),
            "permissions": sorted(user.get_all_permissions()),
        },
        "providers": list(
            SocialAccount.objects.filter(user=user).values(
                "provider", "uid", "extra_data", "date_joined", "last_login"
            )
        ),
        "ratings": list(
            ratings.values("item", "item__name", "rating", "created_at", "updated_at")
        ),
        "dismissals": list(dismissals.values("item", "item__name", "kind", "created_at")),
        "visits": list(visits.values("visit", "value", "n_ratings", "datetime")),
        "similar_people": list(cells.values("matrix__name", "version", "column", "value")),
    }
