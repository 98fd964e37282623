-- Who may see what. Nothing in schema sec is readable by a kernel: it asks through the functions below.
--
--   stormplay_owner   owns the tenant tables, has no login and is itself under the policy (FORCE)
--   stormplay_sec     owns schema sec and makes and drops kernel logins; has no login
--   stormplay_broker  the server, the report runner: may mint a login for a person, may read no tenant's row
--   stormplay_kernel  what every minted login is a member of

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stormplay_owner') THEN CREATE ROLE stormplay_owner NOLOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stormplay_sec') THEN CREATE ROLE stormplay_sec NOLOGIN CREATEROLE; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stormplay_broker') THEN CREATE ROLE stormplay_broker LOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stormplay_kernel') THEN CREATE ROLE stormplay_kernel NOLOGIN; END IF;
END $$;
GRANT stormplay_kernel TO stormplay_sec WITH ADMIN OPTION, INHERIT FALSE, SET FALSE;

CREATE SCHEMA sec AUTHORIZATION stormplay_sec;
GRANT USAGE ON SCHEMA sec TO stormplay_kernel, stormplay_broker, stormplay_owner;
GRANT USAGE, CREATE ON SCHEMA public TO stormplay_owner;
GRANT USAGE ON SCHEMA public TO stormplay_kernel;

SET LOCAL ROLE stormplay_sec;

-- A function is callable by nobody until it is granted.
ALTER DEFAULT PRIVILEGES FOR ROLE stormplay_sec REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TABLE sec.tenant_entry (
    tenant_id  uuid PRIMARY KEY DEFAULT uuidv7(),
    slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    org_name   text NOT NULL CHECK (length(org_name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sec.person (
    person_id     uuid PRIMARY KEY DEFAULT uuidv7(),
    username      text NOT NULL UNIQUE CHECK (username ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    display_name  text NOT NULL,
    password_hash text,           -- argon2id; NULL: cannot log in with a password
    disabled_at   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sec.membership (
    person_id  uuid NOT NULL REFERENCES sec.person ON DELETE CASCADE,
    tenant_id  uuid NOT NULL REFERENCES sec.tenant_entry ON DELETE CASCADE,
    role       text NOT NULL DEFAULT 'analyst' CHECK (role IN ('viewer', 'operator', 'analyst', 'admin')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person_id, tenant_id)
);

-- One row per live database login. Short: it is read once a statement, for the policy.
CREATE TABLE sec.login (
    login      name PRIMARY KEY,
    person_id  uuid NOT NULL REFERENCES sec.person ON DELETE CASCADE,
    purpose    text NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- Which tenant a storm belongs to, for calls that know the storm alone. Filled by a trigger on storms.
CREATE TABLE sec.storm_entry (
    storm_id  uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES sec.tenant_entry ON DELETE CASCADE
);

-- The refusal. A function of its own since a SQL function cannot raise.
CREATE FUNCTION sec.refuse() RETURNS uuid LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sec.login l WHERE l.login = session_user AND l.expires_at > clock_timestamp()) THEN
        RAISE insufficient_privilege USING MESSAGE = 'this database login is not open for anybody',
            HINT = 'Logins are minted for one kernel and expire; open the notebook again.';
    ELSIF nullif(current_setting('app.tenant_id', true), '') IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'no tenant is chosen in this transaction',
            HINT = 'Use stormplay.tenancy.session(tenant).';
    END IF;
    RAISE insufficient_privilege USING MESSAGE = 'this tenant is not open to you';
END $$;

-- The one question that every policy asks. Bound at creation (BEGIN ATOMIC), so that no search_path or
-- temporary table redirects it; session_user, since SET ROLE does not change it; STABLE and PARALLEL SAFE, so
-- that (SELECT sec.tenant()) is evaluated once a statement.
CREATE FUNCTION sec.tenant() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(
        (SELECT m.tenant_id
           FROM sec.login l
           JOIN sec.membership m ON m.person_id = l.person_id
           JOIN sec.person p ON p.person_id = l.person_id
          WHERE l.login = session_user
            AND l.expires_at > clock_timestamp()
            AND p.disabled_at IS NULL
            AND m.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid),
        sec.refuse());
END;

CREATE FUNCTION sec.my_tenants() RETURNS TABLE (tenant_id uuid, slug text, org_name text, role text)
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.tenant_id, t.slug, t.org_name, m.role
      FROM sec.login l
      JOIN sec.person p ON p.person_id = l.person_id AND p.disabled_at IS NULL
      JOIN sec.membership m ON m.person_id = l.person_id
      JOIN sec.tenant_entry t ON t.tenant_id = m.tenant_id
     WHERE l.login = session_user AND l.expires_at > clock_timestamp()
     ORDER BY t.org_name;
END;

CREATE FUNCTION sec.my_name() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.display_name FROM sec.login l JOIN sec.person p ON p.person_id = l.person_id
     WHERE l.login = session_user AND l.expires_at > clock_timestamp();
END;

-- The tenant of a storm, for members only; NULL for everybody else, whether the storm exists or not.
CREATE FUNCTION sec.tenant_of_storm(storm uuid) RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.tenant_id
      FROM sec.storm_entry s
      JOIN sec.membership m ON m.tenant_id = s.tenant_id
      JOIN sec.login l ON l.person_id = m.person_id
      JOIN sec.person p ON p.person_id = l.person_id AND p.disabled_at IS NULL
     WHERE s.storm_id = storm AND l.login = session_user AND l.expires_at > clock_timestamp();
END;

CREATE FUNCTION sec.register_storm() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO sec.storm_entry (storm_id, tenant_id) VALUES (NEW.storm_id, NEW.tenant_id);
    RETURN NULL;
END $$;

-- The broker's four functions. --------------------------------------------------------------------------------

-- Mint one login for one kernel of one person. The name and the password are random (122 bits each).
CREATE FUNCTION sec.open_kernel(person text, ttl interval, purpose text DEFAULT 'kernel',
                                OUT login name, OUT password text, OUT expires_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    who uuid;
BEGIN
    SELECT p.person_id INTO who FROM sec.person p WHERE p.username = person AND p.disabled_at IS NULL;
    IF who IS NULL THEN
        RAISE invalid_authorization_specification USING MESSAGE = 'no open account of that name';
    END IF;
    IF ttl <= interval '0' OR ttl > interval '24 hours' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a login lives for more than 0 and at most 24 hours';
    END IF;
    login := 'k_' || replace(gen_random_uuid()::text, '-', '');
    password := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
    expires_at := clock_timestamp() + ttl;
    EXECUTE format('CREATE ROLE %I LOGIN PASSWORD %L VALID UNTIL %L CONNECTION LIMIT 8', login, password, expires_at);
    EXECUTE format('GRANT stormplay_kernel TO %I WITH INHERIT TRUE, SET FALSE', login);
    EXECUTE format('GRANT %I TO stormplay_sec WITH INHERIT TRUE, SET FALSE', login);
    INSERT INTO sec.login VALUES (login, who, purpose, clock_timestamp(), expires_at);
END $$;

-- End a login: first its right, then its connections, then the role. Safe to call twice.
CREATE FUNCTION sec.close_kernel(gone name) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    found_one boolean;
BEGIN
    DELETE FROM sec.login l WHERE l.login = gone RETURNING true INTO found_one;
    IF gone ~ '^k_[0-9a-f]{32}$' AND EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = gone) THEN
        EXECUTE format('ALTER ROLE %I NOLOGIN', gone);
        PERFORM pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a WHERE a.usename = gone;
        EXECUTE format('DROP OWNED BY %I', gone);
        EXECUTE format('DROP ROLE %I', gone);
    END IF;
    RETURN coalesce(found_one, false);
END $$;

-- Close what has expired, and roles of this kind whose row is gone. Returns how many.
CREATE FUNCTION sec.reap() RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    gone name;
    n integer := 0;
BEGIN
    FOR gone IN SELECT l.login FROM sec.login l WHERE l.expires_at <= clock_timestamp() LOOP
        PERFORM sec.close_kernel(gone);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;

CREATE FUNCTION sec.password_hash(name text, OUT person_id uuid, OUT display_name text, OUT hash text)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT p.person_id, p.display_name, p.password_hash FROM sec.person p
     WHERE p.username = name AND p.disabled_at IS NULL;
END;

RESET ROLE;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA sec FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.tenant(), sec.my_tenants(), sec.my_name(), sec.tenant_of_storm(uuid) TO stormplay_kernel;
GRANT EXECUTE ON FUNCTION sec.tenant(), sec.register_storm() TO stormplay_owner;
GRANT EXECUTE ON FUNCTION sec.open_kernel(text, interval, text), sec.close_kernel(name), sec.reap(),
    sec.password_hash(text) TO stormplay_broker;
