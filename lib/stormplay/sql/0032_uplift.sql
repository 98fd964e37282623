-- Why a home has the uplift that it has: up to three sentences, the strongest first. They explain the model, not the
-- world.

SET LOCAL ROLE stormplay_owner;
ALTER TABLE lead_uplift ADD COLUMN reasons jsonb NOT NULL DEFAULT '[]';
RESET ROLE;

GRANT UPDATE (reasons) ON lead_uplift TO stormplay_kernel;
CALL sec.veil('lead_uplift');
