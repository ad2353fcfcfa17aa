"""When an episode's drop moves, the slots sold in it move along, in the same transaction, whoever moved it."""

from django.db import migrations

# The slot number is the same as bookings.models.slot_number: the last 62 bits of the episode's key.
FORWARD = """
CREATE OR REPLACE FUNCTION move_claims_with_episode() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tail bigint := ('x' || right(replace(NEW.episode_id::text, '-', ''), 16))::bit(64)::bigint & 4611686018427387903;
    drop_instant timestamptz := coalesce(NEW.drops_at, timestamptz '9999-12-31 00:00:00+00');
BEGIN
    UPDATE slot_claims
       SET during = tstzrange(drop_instant, drop_instant, '[]')
      FROM ad_units
     WHERE ad_units.ad_unit_id = slot_claims.ad_unit_id
       AND ad_units.delivery = 'baked_in'
       AND slot_claims.episodes = int8range(tail, tail, '[]');
    RETURN NULL;
END $$;

CREATE TRIGGER episode_moves_its_claims AFTER UPDATE OF drops_at ON episodes
    FOR EACH ROW WHEN (OLD.drops_at IS DISTINCT FROM NEW.drops_at)
    EXECUTE FUNCTION move_claims_with_episode();
"""

BACK = """
DROP TRIGGER episode_moves_its_claims ON episodes;
DROP FUNCTION move_claims_with_episode();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0001_initial"),
        ("metrics", "0001_initial"),
    ]

    operations = [migrations.RunSQL(FORWARD, BACK)]
