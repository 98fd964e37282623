-- A new login gets its own rights and no other's: copying all of a person's logins met one that was just ending, and
-- the page could not be opened (23503).

SET LOCAL ROLE stormplay_sec;
CREATE OR REPLACE FUNCTION sec.fill_rights() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM sec.membership m WHERE m.person_id = NEW.person_id FOR KEY SHARE;
    PERFORM FROM sec.person p WHERE p.person_id = NEW.person_id FOR NO KEY UPDATE;
    IF TG_TABLE_NAME = 'membership' THEN
        PERFORM FROM sec.login l WHERE l.person_id = NEW.person_id ORDER BY l.login FOR KEY SHARE;
    END IF;
    INSERT INTO sec.login_right (login, tenant_id, person_id, role, is_open, expires_at)
    SELECT l.login, m.tenant_id, p.person_id, m.role, p.is_open, l.expires_at
      FROM sec.person p JOIN sec.login l ON l.person_id = p.person_id JOIN sec.membership m ON m.person_id = p.person_id
     WHERE p.person_id = NEW.person_id AND (TG_TABLE_NAME = 'membership' OR l.login = to_jsonb(NEW) ->> 'login')
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
RESET ROLE;
