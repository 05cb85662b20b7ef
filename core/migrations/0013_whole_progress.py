"""Whether a job's count is the whole job."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0012_mail_not_sent")]

    operations = [
        migrations.AddField(
            model_name="jobprogress",
            name="is_whole",
            field=models.BooleanField(db_default=True, default=True),
        )
    ]
