-- What the planner presumes of a ledger that has only begun. Without statistics it takes each company and each storm for
-- one row, so an index by these two alone looked as good as the whole key, and each question whether an event was known
-- read all events of its storm. Presumed are few of both, until the first ANALYZE knows better.
SELECT pg_restore_attribute_stats('schemaname', 'public', 'relname', 'stream_events', 'attname', known.name,
                                  'inherited', false, 'null_frac', 0::real, 'avg_width', 16, 'n_distinct', 4::real)
  FROM unnest('{tenant_id,storm_id}'::text[]) AS known (name);
