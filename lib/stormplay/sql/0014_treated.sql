-- How many homes a storm has of each decision is asked by every score; from this index the answer reads no row, and
-- the policy asks about the matching entries alone.

SET LOCAL ROLE stormplay_owner;
CREATE INDEX policy_decisions_log_decision ON policy_decisions_log (tenant_id, storm_id, decision);
RESET ROLE;
