"""Partial indexes whose conditions every Django writes alike, and a schedule that is on is found by its next time."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_schedules_and_mail"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="job",
            name="job_turn",
        ),
        migrations.RemoveIndex(
            model_name="job",
            name="job_held",
        ),
        migrations.RemoveIndex(
            model_name="job",
            name="job_let_go",
        ),
        migrations.RemoveIndex(
            model_name="schedule",
            name="schedule_due",
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(
                    ("is_held", models.Value(False)),
                    ("published_at__isnull", True),
                    ("state__in", ("scheduled", "queued", "retrying")),
                ),
                fields=["queue", "-priority", "owner", "publish_at"],
                name="job_turn",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("is_held", models.Value(True)), ("state__in", ("scheduled", "queued", "retrying"))),
                fields=["pipeline", "owner", "lane", "-priority", "id"],
                name="job_held",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(
                    ("is_held", models.Value(False)),
                    ("state__in", ("scheduled", "queued", "retrying", "running", "waiting")),
                    models.Q(("lane", ""), _negated=True),
                ),
                fields=["pipeline", "lane"],
                name="job_let_go",
            ),
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="schedule_due"),
        ),
    ]
