#!/usr/bin/env bash
# Passwords of the roles that `stormplay migrate` made, and the database of Iceberg's catalog. Safe to run again.
#   PGPASSWORD=... BROKER=... LOOKUP=... MEMBERS=... CATALOG=... roles.sh HOST
set -euo pipefail
psql -v ON_ERROR_STOP=1 -q -h "$1" -U postgres -d stormplay <<'SQL'
\getenv broker BROKER
\getenv lookup LOOKUP
\getenv members MEMBERS
\getenv catalog CATALOG
ALTER ROLE stormplay_broker PASSWORD :'broker';
ALTER ROLE stormplay_lake PASSWORD :'lookup';
ALTER ROLE stormplay_trino PASSWORD :'members';
SELECT 'CREATE ROLE lake LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'lake') \gexec
ALTER ROLE lake PASSWORD :'catalog';
SELECT 'CREATE DATABASE lake OWNER lake' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'lake') \gexec
REVOKE ALL ON DATABASE lake FROM PUBLIC;
SQL
