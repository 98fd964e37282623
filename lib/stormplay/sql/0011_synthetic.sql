-- Whether a company's rows are made up is known where its name is known, so that every page can say it.

ALTER TABLE sec.tenant_entry ADD COLUMN is_synthetic boolean NOT NULL DEFAULT false;
UPDATE sec.tenant_entry e SET is_synthetic = t.is_synthetic FROM public.tenants t WHERE t.tenant_id = e.tenant_id;

DROP FUNCTION sec.my_tenants();
SET LOCAL ROLE stormplay_sec;
CREATE FUNCTION sec.my_tenants()
RETURNS TABLE (tenant_id uuid, slug text, org_name text, role text, is_synthetic boolean)
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.tenant_id, t.slug, t.org_name, m.role, t.is_synthetic
      FROM sec.login l
      JOIN sec.person p ON p.person_id = l.person_id AND p.disabled_at IS NULL
      JOIN sec.membership m ON m.person_id = l.person_id
      JOIN sec.tenant_entry t ON t.tenant_id = m.tenant_id
     WHERE l.login = session_user AND l.expires_at > clock_timestamp()
     ORDER BY t.org_name;
END;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION sec.my_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.my_tenants() TO stormplay_kernel;
