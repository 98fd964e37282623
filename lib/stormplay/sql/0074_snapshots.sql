-- What a person may see, in one word: it is another one as soon as a membership begins, ends or changes its role, the
-- account is closed, the password is new, or a company of theirs has erased somebody.
--
-- The server keeps what a page showed last, and shows it again at once: only while this word is the one it was. It says
-- nothing of a company's rows, and nobody can read anything back from it.

CREATE FUNCTION sec.standing_of(who text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT encode(sha256(convert_to(concat_ws('|', p.person_id, p.password_hash,
               (SELECT string_agg(concat_ws(' ', m.tenant_id, m.role, m.created_at,
                           (SELECT max(e.erased_at) FROM public.identity_erased e WHERE e.tenant_id = m.tenant_id)),
                           ',' ORDER BY m.tenant_id)
                  FROM sec.membership m WHERE m.person_id = p.person_id)), 'UTF8')), 'hex')
      FROM sec.person p WHERE p.username = who AND p.disabled_at IS NULL
);

REVOKE EXECUTE ON FUNCTION sec.standing_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.standing_of(text) TO stormplay_broker;
