import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("deals", "0001_initial"),
        ("etl", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="waitingrow",
            name="kind",
            field=models.CharField(
                choices=[
                    ("episode", "figures of an unknown episode"),
                    ("booking", "a line that cannot be booked yet"),
                    ("redemption", "sales by an unknown code"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="RedemptionStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("promo_code", models.CharField(max_length=40)),
                ("day", models.DateField()),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField()),
                ("is_undone", models.BooleanField(default=False)),
                (
                    "import_run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="redemption_steps", to="etl.import"
                    ),
                ),
                (
                    "sponsor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="deals.sponsor"
                    ),
                ),
            ],
            options={
                "db_table": "etl_redemption_steps",
                "indexes": [models.Index(fields=["sponsor", "promo_code", "day"], name="redemption_step_place")],
            },
        ),
    ]
