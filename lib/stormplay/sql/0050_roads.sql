-- Driving by the road: what a road engine has answered, so that it is asked once for the stops of a route, and on each
-- route where its minutes come from.
--
--   road_tables  metres and minutes between all pairs of a route's stops, as little-endian float32 row by row. Named by
--                a digest of the engine and the places: neither can be told from it

ALTER TABLE routes
    ADD COLUMN road_distance_m double precision CHECK (road_distance_m >= 0),  -- NULL: estimated
    ADD COLUMN travel_source   text NOT NULL DEFAULT 'estimate' CHECK (travel_source ~ '^[A-Za-z]{1,20}$');

SET LOCAL ROLE stormplay_owner;

CREATE TABLE road_tables (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant() REFERENCES tenants,
    digest      text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    source      text NOT NULL CHECK (source ~ '^[A-Za-z]{1,20}$'),
    place_count integer NOT NULL CHECK (place_count BETWEEN 2 AND 200),
    distance_m  bytea NOT NULL CHECK (length(distance_m) = 4 * place_count * place_count),
    minutes     bytea NOT NULL CHECK (length(minutes) = 4 * place_count * place_count),
    estimated   bytea NOT NULL CHECK (length(estimated) = place_count * place_count),
    made_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, digest)
);

RESET ROLE;

CALL sec.protect('road_tables', 'operator');
CALL sec.veil('routes');
GRANT INSERT ON road_tables TO stormplay_kernel;
GRANT UPDATE (source, place_count, distance_m, minutes, estimated, made_at) ON road_tables TO stormplay_kernel;
