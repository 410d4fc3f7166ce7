"""What staff see of jobs, and what they may do with them."""

from web.jobs.models import Job
from web.recommendations.defaults import MODELS, collaborative
from web.recommendations.publish import Published, rollback


def all_jobs() -> list[Job]:
    """A job for each model, made where it is not there."""
    return [Job.objects.get_or_create(name=name)[0] for name in MODELS]


def go_back(model: str) -> Published:
    """Publish the version before again; the scheduler leaves the job alone from then on.

    Raises PublishError.
    """
    Job.objects.get_or_create(name=model)
    done = rollback(collaborative(model))
    Job.objects.filter(name=model).update(enable=False, asked=False)
    return done
