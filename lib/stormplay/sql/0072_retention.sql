-- Retention: what is no longer needed goes, the audit log last of all. Each function says how long it keeps at least,
-- so that whoever holds the broker's login cannot take away what they have just done.
--
-- The others are older: sec.retire_stream (0063, 30 days at least) and sec.retire_reports (0060, a day at least).

-- Requests for reports that have ended.
CREATE FUNCTION sec.retire_report_requests(older_than interval) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    n bigint;
BEGIN
    IF older_than IS NULL OR older_than < interval '1 day' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'requests for reports are kept for a day at least';
    END IF;
    DELETE FROM public.report_requests x
     WHERE x.ended_at IS NOT NULL AND x.ended_at < clock_timestamp() - older_than;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

-- Who changed what, and who was made a member of what. That it went is itself an entry, which stays.
CREATE FUNCTION sec.retire_audit(older_than interval) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before CONSTANT timestamptz := clock_timestamp() - older_than;
    n bigint;
    accounts bigint;
BEGIN
    IF older_than IS NULL OR older_than < interval '365 days' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'the audit log is kept for 365 days at least';
    END IF;
    DELETE FROM sec.audit_entry e WHERE e.at < before;
    GET DIAGNOSTICS n = ROW_COUNT;
    DELETE FROM sec.account_entry e WHERE e.at < before AND e.act <> 'retired';
    GET DIAGNOSTICS accounts = ROW_COUNT;
    IF n + accounts > 0 THEN
        INSERT INTO sec.account_entry (actor, act, subject, detail)
        VALUES (session_user, 'retired', 'audit log',
                jsonb_build_object('before', before, 'entries', n, 'accounts', accounts));
    END IF;
    RETURN n + accounts;
END $$;

REVOKE EXECUTE ON FUNCTION sec.retire_report_requests(interval), sec.retire_audit(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.retire_report_requests(interval), sec.retire_audit(interval) TO stormplay_broker;
