-- What a lake beside this database may ask it (deploy/lakehouse), and nothing else.
--
--   stormplay_lake   the job that writes events into the lake: which company a storm belongs to
--   stormplay_trino  the server that reads them: which companies are open to a person
--
-- The company of an event is that of its storm, never of the message, and who may read it is decided here: so whoever
-- writes or reads past this database has to ask it. Ids and user names alone; as text, for both know no uuid. The logins
-- have no password until an administrator gives them one.

DO $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['stormplay_lake', 'stormplay_trino'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = one) THEN
            EXECUTE format('CREATE ROLE %I LOGIN CONNECTION LIMIT 64', one);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), one);
        EXECUTE format('GRANT USAGE ON SCHEMA sec TO %I', one);
    END LOOP;
END $$;

SET LOCAL ROLE stormplay_sec;
CREATE VIEW sec.storm_of_lake AS SELECT storm_id::text AS storm_id, tenant_id::text AS tenant_id FROM sec.storm_entry;
CREATE VIEW sec.member_of_lake AS
SELECT p.username, m.tenant_id::text AS tenant_id
  FROM sec.person p JOIN sec.membership m ON m.person_id = p.person_id
 WHERE p.disabled_at IS NULL AND NOT p.is_service;
RESET ROLE;

GRANT SELECT ON sec.storm_of_lake TO stormplay_lake;
GRANT SELECT ON sec.member_of_lake TO stormplay_trino;
