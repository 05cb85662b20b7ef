"""What other code comes in by: subjects of jobs, ends to be sent, owners with keys of any kind."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import core.models.owners


class Migration(migrations.Migration):
    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        ("core", "0006_logs_and_periodic_runs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="EndSignal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fence", models.PositiveBigIntegerField()),
                ("state", models.CharField(max_length=10)),
                ("due_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="job",
            name="subject_key",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.AddField(
            model_name="job",
            name="subject_type",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="contenttypes.contenttype",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="who",
            field=models.CharField(max_length=255),
        ),
        migrations.AlterField(
            model_name="dataset",
            name="job",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.RESTRICT, related_name="dataset", to="core.job"
            ),
        ),
        migrations.AlterField(
            model_name="dataset",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                on_delete=core.models.owners.owner_deleted,
                related_name="datasets",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        # A turn that is forgotten costs nobody anything.
        migrations.RemoveField(model_name="gate", name="last_owner"),
        migrations.AddField(
            model_name="gate",
            name="last_owner",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.AlterField(
            model_name="gate",
            name="paused_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.AlterField(
            model_name="job",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                on_delete=core.models.owners.owner_deleted,
                related_name="jobs",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="limitchange",
            name="changed_by",
            field=models.CharField(max_length=255),
        ),
        migrations.AlterField(
            model_name="schedule",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                on_delete=core.models.owners.owner_deleted,
                related_name="schedules",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("subject_type__isnull", False)),
                fields=["subject_type", "subject_key", "-id"],
                name="job_subject",
            ),
        ),
        migrations.AddField(
            model_name="endsignal",
            name="job",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="core.job"
            ),
        ),
        migrations.AddIndex(
            model_name="endsignal",
            index=models.Index(fields=["due_at"], name="end_signal_due"),
        ),
        migrations.AddConstraint(
            model_name="endsignal",
            constraint=models.UniqueConstraint(fields=("job", "fence", "state"), name="end_signal_once"),
        ),
    ]
