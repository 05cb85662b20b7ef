"""A plain file of a dataset: sent when it is there, else made by a job, to whose page the person is led."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from core import policy
from core.forms import downloads
from core.models import Artifact, Dataset
from frontend.site.answers import Done, answer_act
from frontend.site.security import PersonRequest, person_required


@require_POST
@person_required
def dataset_download(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Lead to the file that `file=` names, or to the job that makes it. Staff orders it for the dataset's owner."""
    dataset = get_object_or_404(Dataset.objects.for_user(request.user).select_related("job", "owner"), pk=pk)

    def order() -> Done:
        made = downloads.order(
            dataset,
            request.POST.get("file", ""),
            by=request.user.get_username(),
            is_staff=policy.operates(request.user),
        )
        if isinstance(made, Artifact):
            return Done(to=reverse("headway:job_file", args=[made.job_id, made.pk]))
        return Done(to=made.get_absolute_url())

    return answer_act(request, order, back=dataset.get_absolute_url())
