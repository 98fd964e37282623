-- What the job of deploy/lakehouse may ask this database: which company a storm belongs to, and nothing else.
--
--   stormplay_lake  a login for that job alone; it has no password until an administrator gives it one
--
-- The tenant of an event is that of its storm, never of the message, so whoever writes past this database has to ask it.
-- Ids only: no name, no date, no place. As text, for the job's connector knows no uuid.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stormplay_lake') THEN CREATE ROLE stormplay_lake LOGIN; END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO stormplay_lake', current_database());
END $$;
ALTER ROLE stormplay_lake CONNECTION LIMIT 64;

SET LOCAL ROLE stormplay_sec;
CREATE VIEW sec.storm_of_lake AS SELECT storm_id::text AS storm_id, tenant_id::text AS tenant_id FROM sec.storm_entry;
RESET ROLE;

GRANT USAGE ON SCHEMA sec TO stormplay_lake;
GRANT SELECT ON sec.storm_of_lake TO stormplay_lake;
