"""The jobs page, for people with the permission `airflow_management`."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from web.jobs.models import Job
from web.jobs.status import all_jobs, go_back
from web.jobs.training import JobError, program
from web.recommendations.defaults import MODELS
from web.recommendations.models import MatrixVersion, SimilarityMatrix
from web.recommendations.publish import PublishError

PERMISSION = "people.airflow_management"
RUNS = 10


def _shown(job: Job) -> dict[str, object]:
    names = [f"{job.name}-users", f"{job.name}-items"]
    matrices = SimilarityMatrix.objects.filter(name__in=names, version__gt=0)
    versions = MatrixVersion.objects.filter(matrix__in=matrices).select_related("matrix")
    due = job.due_at
    return {
        "job": job,
        "versions": [(v, v.version == v.matrix.version) for v in versions],
        "due": due if due and due > timezone.now() else None,
        "runs": job.runs.all()[:RUNS],
    }


@require_GET
@login_required
@permission_required(PERMISSION, raise_exception=True)
def jobs(request: HttpRequest) -> HttpResponse:
    """Each job: what is published, the next start, and how runs ended."""
    try:
        program()
        missing = ""
    except JobError as error:
        missing = str(error)
    shown = [_shown(job) for job in all_jobs()]
    return render(request, "jobs/jobs.html", {"jobs": shown, "missing": missing})


@require_POST
@login_required
@permission_required(PERMISSION, raise_exception=True)
def act(request: HttpRequest, name: str) -> HttpResponse:
    """Start a job soon, schedule it or not, or publish the version before again."""
    if name not in MODELS:
        raise Http404
    jobs = Job.objects.filter(name=name)
    action = request.POST.get("action", "")
    if action == "run":
        jobs.update(asked=True)
        messages.success(request, _("%(name)s runs within a minute.") % {"name": name})
    elif action in ("schedule", "pause"):
        jobs.update(enable=action == "schedule", failures=0)
    elif action == "rollback":
        try:
            done = go_back(name)
        except PublishError as error:
            messages.error(request, str(error))
        else:
            messages.success(
                request,
                _("Version %(version)d of %(name)s is published again; the job is paused.")
                % {"version": done.version, "name": name},
            )
    else:
        return HttpResponse(_("There is no such action."), status=400)
    return redirect("jobs")
