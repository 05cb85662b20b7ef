"""Whether the files of a result may be downloaded through a link to its job."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0008_tokens_shares_webhooks"),
    ]

    operations = [
        migrations.AddField(
            model_name="sharelink",
            name="with_files",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
