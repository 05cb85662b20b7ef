"""The log of a job as a file."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from core.models import Job
from frontend.jobs.pages.log import as_text
from frontend.site.security import PersonRequest, person_required


@require_safe
@person_required
def job_log(request: PersonRequest, pk: int) -> StreamingHttpResponse:
    """Send what the job has logged, as far as it is kept, as text."""
    job = get_object_or_404(Job.objects.for_user(request.user).only("pk"), pk=pk)
    response = StreamingHttpResponse(as_text(job), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="job-{job.pk}.log"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
