"""The class of the error that ended an attempt, beside its traceback."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0009_share_files")]

    operations = [
        migrations.AddField(
            model_name="jobevent",
            name="error_class",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
    ]
