-- Logins that live as long as who renews them: a server that is killed leaves logins that end in minutes.

SET LOCAL ROLE stormplay_sec;

-- Give logins more time, to a day in all. Returns those that are still open: all others have been ended meanwhile.
CREATE FUNCTION sec.renew(logins name[], ttl interval) RETURNS SETOF name
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one record;
BEGIN
    IF ttl <= interval '0' OR ttl > interval '24 hours' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a login lives for more than 0 and at most 24 hours';
    END IF;
    FOR one IN
        UPDATE sec.login l SET expires_at = least(clock_timestamp() + ttl, l.opened_at + interval '24 hours')
          FROM sec.person p
         WHERE l.login = ANY (logins) AND l.expires_at > clock_timestamp() AND p.person_id = l.person_id
           AND p.disabled_at IS NULL
        RETURNING l.login, l.expires_at
    LOOP
        EXECUTE format('ALTER ROLE %I VALID UNTIL %L', one.login, one.expires_at);
        RETURN NEXT one.login;
    END LOOP;
END $$;

-- Close what has expired, and roles of this kind whose row is gone. Returns how many.
CREATE OR REPLACE FUNCTION sec.reap() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone name;
    n integer := 0;
BEGIN
    FOR gone IN
        SELECT l.login FROM sec.login l WHERE l.expires_at <= clock_timestamp()
        UNION
        SELECT r.rolname FROM pg_roles r WHERE r.rolname ~ '^k_[0-9a-f]{32}$'
           AND pg_has_role('stormplay_sec', r.oid, 'MEMBER')
           AND NOT EXISTS (SELECT FROM sec.login l WHERE l.login = r.rolname)
    LOOP
        PERFORM sec.close_kernel(gone);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;

-- A new password from who knows the old one: the caller has checked it against this very hash.
CREATE FUNCTION sec.change_password(name text, old_hash text, new_hash text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    WITH changed AS (
        UPDATE sec.person p SET password_hash = new_hash
         WHERE p.username = name AND p.password_hash = old_hash AND p.disabled_at IS NULL RETURNING p.username),
    noted AS (
        INSERT INTO sec.account_entry (actor, act, subject)
        SELECT c.username, 'changed the password', c.username FROM changed c)
    SELECT EXISTS (SELECT FROM changed);
END;

-- Who somebody is, for a server whose trusted proxy has checked it.
CREATE FUNCTION sec.find_person(name text, OUT person_id uuid, OUT display_name text)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT p.person_id, p.display_name FROM sec.person p WHERE p.username = name AND p.disabled_at IS NULL;
END;

RESET ROLE;
REVOKE EXECUTE ON FUNCTION sec.renew(name[], interval), sec.change_password(text, text, text), sec.find_person(text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.renew(name[], interval), sec.change_password(text, text, text), sec.find_person(text)
    TO stormplay_broker;
