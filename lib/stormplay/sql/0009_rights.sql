-- The question of every statement, answered from one row: which login may do what in which tenant, until when.
-- sec.login_right is a copy of login, membership and person that foreign keys keep true. Each part of it is a part of
-- a key: whatever changes or ends there, in whatever order and isolation, changes or ends here in the same
-- transaction. (A join of the three cost 13 microseconds a question, this costs 4, and there are two a table.)

SET LOCAL ROLE stormplay_sec;

ALTER TABLE sec.person ADD is_open boolean NOT NULL GENERATED ALWAYS AS (disabled_at IS NULL) STORED,
    ADD UNIQUE (person_id, is_open);
ALTER TABLE sec.membership ADD UNIQUE (person_id, tenant_id, role);
ALTER TABLE sec.login ADD UNIQUE (login, expires_at), ADD UNIQUE (login, person_id);

CREATE TABLE sec.login_right (
    login      name NOT NULL,
    tenant_id  uuid NOT NULL,
    person_id  uuid NOT NULL,
    role       text NOT NULL,
    is_open    boolean NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (login, tenant_id),
    FOREIGN KEY (login, expires_at) REFERENCES sec.login (login, expires_at) ON UPDATE CASCADE ON DELETE CASCADE,
    FOREIGN KEY (login, person_id) REFERENCES sec.login (login, person_id) ON UPDATE CASCADE ON DELETE CASCADE,
    FOREIGN KEY (person_id, tenant_id, role) REFERENCES sec.membership (person_id, tenant_id, role)
        ON UPDATE CASCADE ON DELETE CASCADE,
    FOREIGN KEY (person_id, is_open) REFERENCES sec.person (person_id, is_open) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX login_right_person ON sec.login_right (person_id, tenant_id);

-- New logins and new memberships meet here. The first lock waits for a membership that is being changed or ended,
-- the second lets neither a new login nor a new membership miss the other.
CREATE FUNCTION sec.fill_rights() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM sec.membership m WHERE m.person_id = NEW.person_id FOR KEY SHARE;
    PERFORM FROM sec.person p WHERE p.person_id = NEW.person_id FOR NO KEY UPDATE;
    INSERT INTO sec.login_right (login, tenant_id, person_id, role, is_open, expires_at)
    SELECT l.login, m.tenant_id, p.person_id, m.role, p.is_open, l.expires_at
      FROM sec.person p JOIN sec.login l ON l.person_id = p.person_id JOIN sec.membership m ON m.person_id = p.person_id
     WHERE p.person_id = NEW.person_id
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER fill_rights AFTER INSERT ON sec.login FOR EACH ROW EXECUTE FUNCTION sec.fill_rights();
CREATE TRIGGER fill_rights AFTER INSERT ON sec.membership FOR EACH ROW EXECUTE FUNCTION sec.fill_rights();

INSERT INTO sec.login_right (login, tenant_id, person_id, role, is_open, expires_at)
SELECT l.login, m.tenant_id, p.person_id, m.role, p.is_open, l.expires_at
  FROM sec.person p JOIN sec.login l ON l.person_id = p.person_id JOIN sec.membership m ON m.person_id = p.person_id;

-- The refusal, with its reason. A transaction that keeps one snapshot would see rights as they were when it began:
-- a person thrown out could go on writing in it, so it gets no answer at all.
CREATE OR REPLACE FUNCTION sec.refuse() RETURNS uuid LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sec.login l WHERE l.login = session_user AND l.expires_at > clock_timestamp()) THEN
        RAISE insufficient_privilege USING MESSAGE = 'this database login is not open for anybody',
            HINT = 'Logins are minted for one kernel and expire; open the notebook again.';
    ELSIF nullif(current_setting('app.tenant_id', true), '') IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'no tenant is chosen in this transaction',
            HINT = 'Use stormplay.tenancy.session(tenant).';
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE insufficient_privilege USING MESSAGE = 'a transaction here is READ COMMITTED',
            HINT = 'Another kind would not notice when a right is taken away.';
    END IF;
    RAISE insufficient_privilege USING MESSAGE = 'this tenant is not open to you';
END $$;

CREATE OR REPLACE FUNCTION sec.refuse(needed text) RETURNS uuid LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
DECLARE
    has text;
BEGIN
    SELECT r.role INTO has FROM sec.login_right r
     WHERE r.login = session_user AND r.is_open AND r.expires_at > clock_timestamp()
       AND r.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid;
    IF has IS NOT NULL AND needed <> 'viewer' AND current_setting('transaction_isolation') = 'read committed' THEN
        RAISE insufficient_privilege
            USING MESSAGE = format('your role in this company is %s, and this needs %s', has, needed);
    END IF;
    RETURN sec.refuse();
END $$;

CREATE OR REPLACE FUNCTION sec.tenant() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(
        (SELECT r.tenant_id
           FROM sec.login_right r
          WHERE r.login = session_user
            AND r.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
            AND r.is_open
            AND r.expires_at > clock_timestamp()
            AND current_setting('transaction_isolation') = 'read committed'),
        sec.refuse());
END;

CREATE OR REPLACE FUNCTION sec.tenant_for(needed text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(
        (SELECT r.tenant_id
           FROM sec.login_right r
          WHERE r.login = session_user
            AND r.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
            AND r.is_open
            AND r.expires_at > clock_timestamp()
            AND current_setting('transaction_isolation') = 'read committed'
            AND r.role = ANY (CASE needed WHEN 'viewer' THEN ARRAY['viewer', 'operator', 'analyst', 'admin']
                                         WHEN 'operator' THEN ARRAY['operator', 'analyst', 'admin']
                                         WHEN 'analyst' THEN ARRAY['analyst', 'admin']
                                         WHEN 'admin' THEN ARRAY['admin'] END)),
        sec.refuse(needed));
END;

-- The question of the role stands before the reading, not beside it: else the order of the conditions would tell
-- somebody who may not read the log when any company last changed anything.
CREATE OR REPLACE FUNCTION sec.audit_trail(since timestamptz, at_most integer)
RETURNS TABLE (at timestamptz, username text, purpose text, table_name text, action text, row_count bigint, changes jsonb)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT e.at, e.username, e.purpose, e.table_name::text, e.action, e.row_count, e.changes
      FROM sec.audit_entry e
     WHERE (SELECT sec.tenant_for('admin')) IS NOT NULL
       AND e.tenant_id = (SELECT sec.tenant_for('admin')) AND e.at >= since
     ORDER BY e.at DESC, e.entry_id DESC
     LIMIT least(at_most, 10000);
END;

RESET ROLE;
REVOKE EXECUTE ON FUNCTION sec.fill_rights() FROM PUBLIC;
