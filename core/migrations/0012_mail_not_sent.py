"""A mail that was written down instead of sent has a state of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0011_webhook_failures")]

    operations = [
        migrations.AlterField(
            model_name="mail",
            name="state",
            field=models.CharField(
                choices=[
                    ("ready", "Ready"),
                    ("sending", "Being sent"),
                    ("sent", "Sent"),
                    ("unsent", "Not sent: no mail server is set up"),
                    ("unknown", "May have been sent"),
                    ("refused", "Refused by the mail server"),
                ],
                default="ready",
                max_length=10,
            ),
        )
    ]
