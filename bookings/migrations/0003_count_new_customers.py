import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0002_move_claims_with_their_episode"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="redemption",
            name="insert_insert",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="redemption",
            name="update_update",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="redemption",
            name="delete_delete",
        ),
        migrations.AddField(
            model_name="redemption",
            name="new_customers",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="redemptionevent",
            name="new_customers",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "bookings_redemptionevent" ("day", "new_customers", "orders", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "promo_code", "recorded_at", "redemption_id", "revenue_cents", "source", "sponsor_id") VALUES (NEW."day", NEW."new_customers", NEW."orders", _pgh_attach_context(), NOW(), \'insert\', NEW."redemption_id", NEW."promo_code", NEW."recorded_at", NEW."redemption_id", NEW."revenue_cents", NEW."source", NEW."sponsor_id"); RETURN NULL;',
                    hash="7601b77369a5a3d184b24d20a265af247efb2ea5",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_4e7cc",
                    table="redemptions",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                    func='INSERT INTO "bookings_redemptionevent" ("day", "new_customers", "orders", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "promo_code", "recorded_at", "redemption_id", "revenue_cents", "source", "sponsor_id") VALUES (NEW."day", NEW."new_customers", NEW."orders", _pgh_attach_context(), NOW(), \'update\', NEW."redemption_id", NEW."promo_code", NEW."recorded_at", NEW."redemption_id", NEW."revenue_cents", NEW."source", NEW."sponsor_id"); RETURN NULL;',
                    hash="f9a9c154ff93310c0bf8c94f865cf2e27abf0ff7",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_1c995",
                    table="redemptions",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "bookings_redemptionevent" ("day", "new_customers", "orders", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "promo_code", "recorded_at", "redemption_id", "revenue_cents", "source", "sponsor_id") VALUES (OLD."day", OLD."new_customers", OLD."orders", _pgh_attach_context(), NOW(), \'delete\', OLD."redemption_id", OLD."promo_code", OLD."recorded_at", OLD."redemption_id", OLD."revenue_cents", OLD."source", OLD."sponsor_id"); RETURN NULL;',
                    hash="8aceca780629e8882d486d14570b5a7754519752",
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_ec54b",
                    table="redemptions",
                    when="AFTER",
                ),
            ),
        ),
    ]
