-- Who of a company's people is active. Making changes is in the audit log; reading left no trace that outlives a login.
--
--   sec.visit  when a person last had a page of a company open, to the hour; one row a membership, gone with it
--
-- A login is a person's and opens every company of theirs, so it says nothing of one. A page asks for the company's
-- channel (0064) when it opens: that is written down here. What somebody does in one company is so told to the admins of
-- that company and to those of no other.

SET LOCAL ROLE stormplay_sec;

CREATE TABLE sec.visit (
    person_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    seen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (person_id, tenant_id),
    FOREIGN KEY (person_id, tenant_id) REFERENCES sec.membership (person_id, tenant_id) ON DELETE CASCADE
);

CREATE OR REPLACE FUNCTION sec.live_channel() RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here CONSTANT uuid := sec.tenant();
BEGIN
    -- A membership that is just ending is not waited for, and a row that says enough is not written again.
    IF current_setting('transaction_read_only') = 'off' AND NOT EXISTS (
        SELECT FROM sec.visit v JOIN sec.login l ON l.person_id = v.person_id
         WHERE l.login = session_user AND v.tenant_id = here AND v.seen_at > clock_timestamp() - interval '1 hour') THEN
        INSERT INTO sec.visit AS v (person_id, tenant_id)
        SELECT m.person_id, m.tenant_id FROM sec.login l JOIN sec.membership m ON m.person_id = l.person_id
         WHERE l.login = session_user AND m.tenant_id = here FOR KEY SHARE OF m SKIP LOCKED
        ON CONFLICT (person_id, tenant_id) DO UPDATE SET seen_at = excluded.seen_at;
    END IF;
    RETURN (SELECT c.channel FROM sec.live_channel c WHERE c.tenant_id = here);
END $$;

-- The people of the session's company for its admins: their role here, when they last had one of its pages open, when
-- they last changed something of it within 90 days, and since when that would have been noticed.
CREATE FUNCTION sec.tenant_people()
RETURNS TABLE (username text, display_name text, role text, is_open boolean, member_since timestamptz,
               noticed_since timestamptz, seen_at timestamptz, changed_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT p.username, p.display_name, m.role, p.is_open, m.created_at,
           greatest(m.created_at, (SELECT s.applied_at FROM public.schema_migrations s WHERE s.number = 73)),
           v.seen_at, e.changed_at
      FROM sec.membership m
      JOIN sec.person p ON p.person_id = m.person_id AND NOT p.is_service
      LEFT JOIN sec.visit v ON v.person_id = m.person_id AND v.tenant_id = m.tenant_id
      LEFT JOIN (SELECT a.username, max(a.at) AS changed_at FROM sec.audit_entry a
                  WHERE (SELECT sec.tenant_for('admin')) IS NOT NULL AND a.tenant_id = (SELECT sec.tenant_for('admin'))
                    AND a.at > clock_timestamp() - interval '90 days'
                  GROUP BY a.username) e ON e.username = p.username
     WHERE (SELECT sec.tenant_for('admin')) IS NOT NULL AND m.tenant_id = (SELECT sec.tenant_for('admin'))
     ORDER BY p.username;
END;

RESET ROLE;
REVOKE EXECUTE ON FUNCTION sec.live_channel(), sec.tenant_people() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.live_channel(), sec.tenant_people() TO stormplay_kernel;
