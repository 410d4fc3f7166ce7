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
    """Make them where no recommender exists; gives whether they were made.

    Neighbours are as many, and as many of them must have rated an item, as in the measured rows:
    docs/benchmarks/site.md.
    """
    if Recommender.objects.exists():
        return False
    kinds = Recommender.Type
    Recommender.objects.create(name="Popular", type=kinds.POPULAR, position=10)
    new = Recommender.objects.create(name="New to you", type=kinds.NEW_POPULAR, position=20)
    tags = Recommender.objects.create(name="Your tags", type=kinds.PROFILE, position=30)
    collaborative = []
    for at, model in enumerate(MODELS):
        users = SimilarityMatrix.objects.get_or_create(
            name=f"{model}-users", defaults={"type": SimilarityMatrix.Type.USER_TO_USER}
        )[0]
        items = SimilarityMatrix.objects.get_or_create(
            name=f"{model}-items", defaults={"type": SimilarityMatrix.Type.ITEM_TO_ITEM}
        )[0]
        collaborative.append(
            Recommender.objects.create(
                name=model.upper(),
                type=kinds.COLLABORATIVE,
                user_similarity_matrix=users,
                item_similarity_matrix=items,
                max_similar_users=50,
                max_items_by_similar_user=1000,
                min_similar_users=3,
                position=40 + 10 * at,
            )
        )
    ladder = RecommenderEnsemble.objects.create(name=LADDER)
    for recommender, start, end in ((new, 0, 4), (tags, 5, 19), (collaborative[0], 20, 0)):
        EnsembleConfig.objects.create(
            ensemble=ladder,
            recommender=recommender,
            active_from_n_user_iterations=start,
            active_to_n=end,
        )
    EnsembleEvaluation.objects.create(ensemble=ladder)
    return True
