"""Which recommender a person gets, by how many items the person has rated."""

from web.recommendations.models import EnsembleConfig, Recommender, RecommenderEnsemble


def step(count: int) -> EnsembleConfig | None:
    """The step for `count` ratings of the first ladder that is enabled; None where none fits."""
    ladder = RecommenderEnsemble.objects.filter(enable=True).first()
    if ladder is None:
        return None
    steps = (
        ladder.steps.filter(active_from_n_user_iterations__lte=count, recommender__enable=True)
        .select_related("recommender")
        .order_by("-active_from_n_user_iterations", "id")
    )
    return next((one for one in steps if not one.active_to_n or count <= one.active_to_n), None)


def ratings_needed() -> dict[int, int]:
    """Recommender → ratings from which the ladder gives it; those of no step are not in it."""
    ladder = RecommenderEnsemble.objects.filter(enable=True).first()
    if ladder is None:
        return {}
    needed: dict[int, int] = {}
    for one in ladder.steps.all():
        low = one.active_from_n_user_iterations
        needed[one.recommender_id] = min(low, needed.get(one.recommender_id, low))
    return needed


def ordered() -> list[Recommender]:
    """The rows of the recommendations page, in their order."""
    recommenders = Recommender.objects.filter(enable=True)
    return list(recommenders.select_related("user_similarity_matrix", "item_similarity_matrix"))
