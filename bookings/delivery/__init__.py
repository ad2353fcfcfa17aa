"""What a booking delivers, set by set: pacing, revenue, snapshots, proof, counts."""
