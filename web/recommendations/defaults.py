"""The recommenders, matrices and ladder of a new site; /admin/ changes them afterwards."""

from django.db import transaction

from web.recommendations.models import (
    EnsembleConfig,
    EnsembleEvaluation,
    Recommender,
    RecommenderEnsemble,
    SimilarityMatrix,
)

MODELS = ("svd", "nmf")
LADDER = "By number of ratings"


@transaction.atomic
def make_defaults() -> bool:
    """Make them where no recommender exists; gives whether they were made."""
    if Recommender.objects.exists():
        return False
    kinds = Recommender.Type
    Recommender.objects.create(name="Popular", type=kinds.POPULAR, position=10)
    new = Recommender.objects.create(name="New to you", type=kinds.NEW_POPULAR, position=20)
    tags = Recommender.objects.create(name="Your tags", type=kinds.PROFILE, position=30)
    by_people = [collaborative(model) for model in MODELS]
    ladder = RecommenderEnsemble.objects.create(name=LADDER)
    for recommender, start, end in ((new, 0, 4), (tags, 5, 19), (by_people[0], 20, 0)):
        EnsembleConfig.objects.create(
            ensemble=ladder,
            recommender=recommender,
            active_from_n_user_iterations=start,
            active_to_n=end,
        )
    EnsembleEvaluation.objects.create(ensemble=ladder)
    return True


@transaction.atomic
def collaborative(model: str) -> Recommender:
    """The recommender of `model` with its two matrices, made where they are not there.

    Neighbours are as many, and as many of them must have rated an item, as in the measured rows:
    docs/benchmarks/site.md.
    """
    kinds = SimilarityMatrix.Type
    users, items = (
        SimilarityMatrix.objects.get_or_create(name=f"{model}-{word}", defaults={"type": kind})[0]
        for word, kind in (("users", kinds.USER_TO_USER), ("items", kinds.ITEM_TO_ITEM))
    )
    found, _ = Recommender.objects.get_or_create(
        name=model.upper(),
        defaults={
            "type": Recommender.Type.COLLABORATIVE,
            "max_similar_users": 50,
            "max_items_by_similar_user": 1000,
            "min_similar_users": 3,
            "position": 40 + 10 * MODELS.index(model) if model in MODELS else 90,
        },
    )
    if (found.user_similarity_matrix, found.item_similarity_matrix) != (users, items):
        found.user_similarity_matrix, found.item_similarity_matrix = users, items
        found.save(update_fields=["user_similarity_matrix", "item_similarity_matrix"])
    return found
