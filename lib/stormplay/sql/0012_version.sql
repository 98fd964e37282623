-- A server that may not change the schema still has to know whether it is the one that it was written for.

GRANT USAGE ON SCHEMA public TO stormplay_sec;
GRANT SELECT ON public.schema_migrations TO stormplay_sec;
SET LOCAL ROLE stormplay_sec;
CREATE FUNCTION sec.schema_number() RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT max(number) FROM public.schema_migrations;
END;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION sec.schema_number() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.schema_number() TO stormplay_broker;
