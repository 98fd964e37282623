-- Billing: plans, who has which from when to when, warnings, caps, and invoices that nobody changes.
--
--   sec.plan        the catalogue: each version of a plan with its terms, never changed
--   subscriptions   which plan a company has, from one day to before another; with a copy of the terms
--   usage_warnings  a meter that has reached 80 % or 100 % of what is included in a month, once each
--   invoices        numbered from 1 without a gap, company by company; an invoice closes a month, once; a credit note
--                   refers to an invoice
--   invoice_lines   what they are made of, to the cent
--
-- Money is integer cents; prices of single units are millionths of the currency's unit. All of it is written by the
-- administrator; members of a company read their own.
--
-- Terms, by meter: {"included": quantity, "per": quantity that a price is for, "tiers": [{"up_to": quantity beyond what is
-- included, or null, "micros": price}], "cap": quantity in a month, or null}.

SET LOCAL ROLE stormplay_sec;
CREATE TABLE sec.plan (
    plan       text NOT NULL CHECK (plan ~ '^[a-z][a-z0-9-]{0,39}$'),
    version    integer NOT NULL CHECK (version > 0),
    currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    base_cents bigint NOT NULL CHECK (base_cents >= 0),
    terms      jsonb NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan, version)
);
RESET ROLE;

SET LOCAL ROLE stormplay_owner;

CREATE TABLE subscriptions (
    tenant_id   uuid NOT NULL REFERENCES billing_accounts,
    valid_from  date NOT NULL,
    valid_until date CHECK (valid_until > valid_from),  -- the first day without it; NULL: goes on
    plan        text NOT NULL,
    version     integer NOT NULL,
    currency    text NOT NULL,
    base_cents  bigint NOT NULL CHECK (base_cents >= 0),
    terms       jsonb NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, valid_from)
);

CREATE TABLE usage_warnings (
    tenant_id uuid NOT NULL REFERENCES billing_accounts,
    month     date NOT NULL CHECK (extract(day FROM month) = 1),
    meter     text NOT NULL,
    level     integer NOT NULL CHECK (level IN (80, 100)),  -- percent of what is included
    used      bigint NOT NULL,
    included  bigint NOT NULL,
    said      text NOT NULL,
    warned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, month, meter, level)
);

CREATE TABLE invoices (
    tenant_id   uuid NOT NULL REFERENCES billing_accounts,
    number      integer NOT NULL CHECK (number > 0),
    kind        text NOT NULL CHECK (kind IN ('invoice', 'credit note')),
    month       date NOT NULL CHECK (extract(day FROM month) = 1),
    period_from timestamptz NOT NULL,
    period_to   timestamptz NOT NULL CHECK (period_to > period_from),
    time_zone   text NOT NULL,
    org_name    text NOT NULL,
    currency    text NOT NULL,
    total_cents bigint NOT NULL CHECK (total_cents >= 0),  -- of a credit note: what is given back
    line_count  integer NOT NULL CHECK (line_count > 0),
    refers_to   integer,
    reason      text CHECK (length(reason) BETWEEN 1 AND 500),
    closed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_by   text NOT NULL,
    PRIMARY KEY (tenant_id, number),
    FOREIGN KEY (tenant_id, refers_to) REFERENCES invoices,
    CHECK ((kind = 'credit note') = (refers_to IS NOT NULL) AND (kind = 'credit note') = (reason IS NOT NULL)),
    CHECK (kind = 'invoice' OR total_cents > 0)
);
CREATE UNIQUE INDEX invoices_month ON invoices (tenant_id, month) WHERE kind = 'invoice';

CREATE TABLE invoice_lines (
    tenant_id    uuid NOT NULL,
    number       integer NOT NULL,
    line         integer NOT NULL CHECK (line > 0),
    kind         text NOT NULL CHECK (kind IN ('base', 'usage', 'adjustment', 'credit')),
    for_month    date NOT NULL,  -- an adjustment's is an earlier one than its invoice's
    from_day     date NOT NULL,
    until_day    date NOT NULL,
    meter        text,
    quantity     bigint,
    included     bigint,
    amount_cents bigint NOT NULL,
    description  text NOT NULL CHECK (length(description) BETWEEN 1 AND 500),
    PRIMARY KEY (tenant_id, number, line),
    FOREIGN KEY (tenant_id, number) REFERENCES invoices,
    CHECK (until_day > from_day AND (kind = 'usage') = (meter IS NOT NULL)),
    CHECK (kind = 'adjustment' OR amount_cents >= 0)
);
CREATE INDEX invoice_lines_month ON invoice_lines (tenant_id, for_month);

RESET ROLE;

CALL sec.protect('subscriptions', 'admin');
CALL sec.protect('usage_warnings', 'admin');
CALL sec.protect('invoices', 'admin');
CALL sec.protect('invoice_lines', 'admin');
CALL sec.announce('usage_warnings', by_storm => false);
CALL sec.announce('invoices', by_storm => false);
CALL sec.announce('subscriptions', by_storm => false);

-- What stands, stands. Also for the tables' owner and the administrator. ----------------------------------------------

CREATE FUNCTION sec.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE SQLSTATE 'SP006' USING MESSAGE = format('%s of %s is refused: what is there is never changed', TG_OP, TG_TABLE_NAME),
        HINT = TG_ARGV[0];
END $$;
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON invoices FOR EACH STATEMENT
    EXECUTE FUNCTION sec.refuse_change('Give a credit note; what is missing comes with the next invoice.');
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON invoice_lines FOR EACH STATEMENT
    EXECUTE FUNCTION sec.refuse_change('Give a credit note; what is missing comes with the next invoice.');
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON sec.plan FOR EACH STATEMENT
    EXECUTE FUNCTION sec.refuse_change('Make another version of the plan.');

-- The day from which on nothing is closed yet.
CREATE FUNCTION sec.closed_until(tenant uuid) RETURNS date LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT (max(i.month) + interval '1 month')::date FROM public.invoices i
     WHERE i.tenant_id = tenant AND i.kind = 'invoice';
$$;

CREATE FUNCTION sec.check_invoice() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last integer;
    billed bigint;
    given bigint;
BEGIN
    PERFORM FROM public.billing_accounts a WHERE a.tenant_id = NEW.tenant_id FOR UPDATE;  -- one at a time
    SELECT coalesce(max(i.number), 0) INTO last FROM public.invoices i WHERE i.tenant_id = NEW.tenant_id;
    IF NEW.number <> last + 1 THEN
        RAISE SQLSTATE 'SP006' USING MESSAGE = format('number %s does not follow %s', NEW.number, last),
            HINT = 'Numbers of a company have no gap.';
    END IF;
    IF NEW.kind = 'invoice' AND NEW.period_to > clock_timestamp() THEN
        RAISE SQLSTATE 'SP006' USING MESSAGE = format('%s has not ended yet', to_char(NEW.month, 'FMMonth YYYY'));
    END IF;
    IF NEW.kind = 'invoice' AND NEW.month < sec.closed_until(NEW.tenant_id) THEN
        RAISE SQLSTATE 'SP006' USING MESSAGE = format('%s is closed already, or a later month is',
                                                      to_char(NEW.month, 'FMMonth YYYY')),
            HINT = 'What is missing comes with the next invoice.';
    END IF;
    IF NEW.kind = 'credit note' THEN
        SELECT i.total_cents INTO billed FROM public.invoices i
         WHERE i.tenant_id = NEW.tenant_id AND i.number = NEW.refers_to AND i.kind = 'invoice';
        SELECT coalesce(sum(i.total_cents), 0) INTO given FROM public.invoices i
         WHERE i.tenant_id = NEW.tenant_id AND i.refers_to = NEW.refers_to;
        IF billed IS NULL OR given + NEW.total_cents > billed THEN
            RAISE SQLSTATE 'SP006' USING MESSAGE =
                format('a credit of %1$s cents on invoice %2$s, of whose %4$s cents %3$s are left', NEW.total_cents, NEW.refers_to,
                       coalesce(billed, 0) - given, coalesce(billed, 0)),
                HINT = 'Credit notes of an invoice never exceed it.';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_invoice BEFORE INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION sec.check_invoice();

-- At the commit, whichever of the two was written: the lines are as many as the invoice says and add up to it.
CREATE FUNCTION sec.check_lines() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.invoices i WHERE i.tenant_id = NEW.tenant_id AND i.number = NEW.number
                      AND (i.line_count, i.total_cents) = (
                          SELECT count(*), coalesce(sum(l.amount_cents), 0) FROM public.invoice_lines l
                           WHERE l.tenant_id = i.tenant_id AND l.number = i.number)) THEN
        RAISE SQLSTATE 'SP006' USING MESSAGE = format('the lines of number %s do not add up to it', NEW.number);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER add_up AFTER INSERT ON invoices DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sec.check_lines();
CREATE CONSTRAINT TRIGGER add_up AFTER INSERT ON invoice_lines DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sec.check_lines();

-- A subscription is of days that are not closed yet, alone on its days, and what is closed of it stays.
CREATE FUNCTION sec.check_subscription() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one public.subscriptions := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    closed date;
BEGIN
    PERFORM FROM public.billing_accounts a WHERE a.tenant_id = one.tenant_id FOR UPDATE;
    closed := coalesce(sec.closed_until(one.tenant_id), '-infinity'::date);
    IF TG_OP <> 'UPDATE' AND one.valid_from < closed
       OR TG_OP = 'UPDATE' AND (to_jsonb(NEW) - 'valid_until' IS DISTINCT FROM to_jsonb(OLD) - 'valid_until'
            OR least(NEW.valid_until, closed) IS DISTINCT FROM least(OLD.valid_until, closed)) THEN
        RAISE SQLSTATE 'SP006' USING MESSAGE = format('days before %s are closed, and a subscription keeps its terms', closed),
            HINT = 'End it on a later day and begin another one.';
    END IF;
    IF TG_OP <> 'DELETE' AND EXISTS (
           SELECT FROM public.subscriptions s WHERE s.tenant_id = one.tenant_id AND s.valid_from <> one.valid_from
              AND daterange(s.valid_from, s.valid_until) && daterange(one.valid_from, one.valid_until)) THEN
        RAISE SQLSTATE 'SP006' USING MESSAGE = 'on one of these days the company has another plan',
            HINT = 'End that one first.';
    END IF;
    RETURN one;
END $$;
CREATE TRIGGER check_subscription BEFORE INSERT OR UPDATE OR DELETE ON subscriptions
    FOR EACH ROW EXECUTE FUNCTION sec.check_subscription();

-- Months of an account are closed in its time zone; another one from then on would count hours twice or never.
CREATE FUNCTION sec.check_account() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.time_zone IS DISTINCT FROM OLD.time_zone THEN
        PERFORM now() AT TIME ZONE NEW.time_zone;
        IF sec.closed_until(NEW.tenant_id) IS NOT NULL THEN
            RAISE SQLSTATE 'SP006' USING MESSAGE = 'a month of this company is closed in its billing time zone',
                HINT = 'The time zone stays from the first invoice on.';
        END IF;
        INSERT INTO sec.usage_pending SELECT DISTINCT h.tenant_id, h.meter, h.hour FROM public.usage_hourly h
         WHERE h.tenant_id = NEW.tenant_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_account BEFORE UPDATE ON billing_accounts FOR EACH ROW EXECUTE FUNCTION sec.check_account();

-- What is included and what may be used. ------------------------------------------------------------------------------
-- A plan that is in force for a part of a month includes that part of its amounts, by days, rounded up. A person counts
-- once a month, so of people the plan at the end of the month includes the whole. The cap is that of the plan on a day.
CREATE FUNCTION sec.usage_standing(tenant uuid, of_month date, on_day date)
RETURNS TABLE (meter text, used bigint, included bigint, cap bigint, plan text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH bounds AS (SELECT of_month AS begins, (of_month + interval '1 month')::date AS ends),
    parts AS (
        SELECT t.key AS meter, t.value AS term, s.plan, s.valid_from,
               least(coalesce(s.valid_until, b.ends), b.ends) - greatest(s.valid_from, b.begins) AS days,
               b.ends - b.begins AS whole,
               s.valid_from <= on_day AND (s.valid_until IS NULL OR s.valid_until > on_day) AS is_now,
               s.valid_from = max(s.valid_from) OVER () AS is_last
          FROM public.subscriptions s CROSS JOIN bounds b CROSS JOIN LATERAL jsonb_each(s.terms) t
         WHERE s.tenant_id = tenant AND s.valid_from < b.ends AND coalesce(s.valid_until, b.ends) > b.begins),
    used AS (
        SELECT u.meter, sum(u.quantity)::bigint AS quantity
          FROM bounds b CROSS JOIN LATERAL sec.usage_days(
               tenant, greatest(b.begins, (SELECT min(p.valid_from) FROM parts p)), b.ends) u GROUP BY 1)
    SELECT p.meter, coalesce(max(u.quantity), 0)::bigint,
           sum(CASE WHEN p.meter = 'active_users' THEN CASE WHEN p.is_last THEN (p.term->>'included')::numeric ELSE 0 END
                    ELSE ceil((p.term->>'included')::numeric * p.days / p.whole) END)::bigint,
           max((p.term->>'cap')::bigint) FILTER (WHERE p.is_now), max(p.plan) FILTER (WHERE p.is_now)
      FROM parts p LEFT JOIN used u ON u.meter = p.meter GROUP BY p.meter;
$$;

-- Refuse work that would pass the cap of the month, before it begins.
CREATE FUNCTION sec.check_cap(tenant uuid, of_meter text, wanted bigint) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today date;
    s record;
    what CONSTANT text := replace(of_meter, '_', ' ');
BEGIN
    SELECT (now() AT TIME ZONE a.time_zone)::date INTO today FROM public.billing_accounts a WHERE a.tenant_id = tenant;
    IF NOT EXISTS (SELECT FROM public.subscriptions x WHERE x.tenant_id = tenant AND x.valid_from <= today
                      AND (x.valid_until IS NULL OR x.valid_until > today) AND x.terms->of_meter->>'cap' IS NOT NULL) THEN
        RETURN;  -- as a rule: nothing is summed up
    END IF;
    SELECT * INTO s FROM sec.usage_standing(tenant, date_trunc('month', today)::date, today) u WHERE u.meter = of_meter;
    IF s.cap IS NOT NULL AND s.used + wanted > s.cap THEN
        RAISE SQLSTATE 'SP005' USING
            MESSAGE = format('the plan %s allows %s %s in %s; %s are used, and this needs %s more', s.plan, s.cap, what,
                             to_char(today, 'FMMonth YYYY'), s.used, wanted),
            HINT = format('Nothing was begun. It goes on from %s on; ask your administrator for a larger plan to go on now.',
                          to_char(date_trunc('month', today) + interval '1 month', 'FMDD FMMonth'));
    END IF;
END $$;

-- The same for the company of the session, of one of its operators. Homes that are counted for their storm already need
-- nothing more, so what is planned anew is never refused.
CREATE FUNCTION sec.check_my_stops(storm uuid, homes uuid[]) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant CONSTANT uuid := sec.tenant_for('operator');
    wanted bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM public.subscriptions x WHERE x.tenant_id = tenant
                      AND x.terms->'routed_stops'->>'cap' IS NOT NULL) THEN
        RETURN;
    END IF;
    SELECT count(*) INTO wanted FROM unnest(homes) h
     WHERE NOT EXISTS (SELECT FROM sec.routed_home r WHERE r.tenant_id = tenant AND r.storm_id = storm
                          AND r.property_id = h);
    IF wanted > 0 THEN
        PERFORM sec.check_cap(tenant, 'routed_stops', wanted);
    END IF;
END $$;

-- A report that begins needs room for itself and for those that are being made.
CREATE FUNCTION sec.check_report_cap() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    per record;
BEGIN
    FOR per IN SELECT DISTINCT n.tenant_id FROM new_rows n WHERE n.status = 'running' LOOP
        PERFORM sec.check_cap(per.tenant_id, 'reports', (
            SELECT count(*) FROM public.report_runs r WHERE r.tenant_id = per.tenant_id AND r.status = 'running'
               AND r.started_at > clock_timestamp() - interval '1 hour'));
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER check_cap AFTER INSERT ON report_runs REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sec.check_report_cap();

-- Warn, once a month and level, of each meter that has reached 80 % or 100 % of what is included. Returns new warnings.
CREATE FUNCTION sec.warn_usage() RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n integer;
BEGIN
    INSERT INTO public.usage_warnings (tenant_id, month, meter, level, used, included, said)
    SELECT a.tenant_id, d.month, s.meter, l.level, s.used, s.included,
           format('%s: %s %% of what the plan includes in %s is used. %s', initcap(left(s.meter, 1))
                  || replace(substr(s.meter, 2), '_', ' '), floor(100.0 * s.used / s.included), d.words,
                  CASE WHEN s.cap IS NOT NULL THEN 'What is more is charged, up to the cap. ' ELSE 'What is more is charged. ' END
                  || 'The bill so far is on the page Tenant health; a larger plan comes from your administrator.')
      FROM public.billing_accounts a
     CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE a.time_zone)::date AS today,
                                date_trunc('month', now() AT TIME ZONE a.time_zone)::date AS month,
                                to_char(now() AT TIME ZONE a.time_zone, 'FMMonth') AS words) d
     CROSS JOIN LATERAL sec.usage_standing(a.tenant_id, d.month, d.today) s
     CROSS JOIN (VALUES (80), (100)) l (level)
     WHERE s.included > 0 AND s.used * 100.0 >= s.included * l.level
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

-- The catalogue to begin with; another version of a plan is added beside it and never instead.
INSERT INTO sec.plan (plan, version, currency, base_cents, terms) VALUES
('starter', 1, 'USD', 9900, $${
     "reports": {"included": 100, "per": 1, "tiers": [{"up_to": null, "micros": 200000}], "cap": 2000},
     "routed_stops": {"included": 500, "per": 1, "tiers": [{"up_to": 5000, "micros": 40000}, {"up_to": null, "micros": 30000}], "cap": 20000},
     "scored_properties": {"included": 20000, "per": 1000, "tiers": [{"up_to": null, "micros": 400000}], "cap": null},
     "active_users": {"included": 3, "per": 1, "tiers": [{"up_to": null, "micros": 15000000}], "cap": null},
     "stream_events": {"included": 100000, "per": 1000, "tiers": [{"up_to": 1000000, "micros": 50000}, {"up_to": null, "micros": 20000}], "cap": null},
     "storage_bytes": {"included": 150000000000, "per": 1000000000, "tiers": [{"up_to": null, "micros": 8000}], "cap": null}}$$),
('crew', 1, 'USD', 29900, $${
     "reports": {"included": 600, "per": 1, "tiers": [{"up_to": null, "micros": 150000}], "cap": 10000},
     "routed_stops": {"included": 5000, "per": 1, "tiers": [{"up_to": 20000, "micros": 30000}, {"up_to": 100000, "micros": 20000}, {"up_to": null, "micros": 15000}], "cap": 200000},
     "scored_properties": {"included": 200000, "per": 1000, "tiers": [{"up_to": 1000000, "micros": 300000}, {"up_to": null, "micros": 200000}], "cap": null},
     "active_users": {"included": 12, "per": 1, "tiers": [{"up_to": null, "micros": 12000000}], "cap": null},
     "stream_events": {"included": 2000000, "per": 1000, "tiers": [{"up_to": 20000000, "micros": 20000}, {"up_to": null, "micros": 8000}], "cap": null},
     "storage_bytes": {"included": 1500000000000, "per": 1000000000, "tiers": [{"up_to": null, "micros": 6000}], "cap": null}}$$),
('region', 1, 'USD', 99900, $${
     "reports": {"included": 5000, "per": 1, "tiers": [{"up_to": null, "micros": 100000}], "cap": null},
     "routed_stops": {"included": 50000, "per": 1, "tiers": [{"up_to": 200000, "micros": 15000}, {"up_to": null, "micros": 10000}], "cap": null},
     "scored_properties": {"included": 2000000, "per": 1000, "tiers": [{"up_to": null, "micros": 100000}], "cap": null},
     "active_users": {"included": 60, "per": 1, "tiers": [{"up_to": null, "micros": 9000000}], "cap": null},
     "stream_events": {"included": 50000000, "per": 1000, "tiers": [{"up_to": null, "micros": 4000}], "cap": null},
     "storage_bytes": {"included": 9000000000000, "per": 1000000000, "tiers": [{"up_to": null, "micros": 5000}], "cap": null}}$$);

REVOKE EXECUTE ON FUNCTION sec.refuse_change(), sec.closed_until(uuid), sec.check_invoice(), sec.check_lines(),
    sec.check_subscription(), sec.check_account(), sec.usage_standing(uuid, date, date), sec.check_cap(uuid, text, bigint),
    sec.check_my_stops(uuid, uuid[]), sec.check_report_cap(), sec.warn_usage() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.warn_usage() TO stormplay_broker;
GRANT EXECUTE ON FUNCTION sec.check_my_stops(uuid, uuid[]) TO stormplay_kernel;
