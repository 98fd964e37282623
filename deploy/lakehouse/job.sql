-- Storm events from Kafka into Iceberg, each once. submit.sh puts in what stands as ${NAME} and hands it to Flink.
--
-- Nothing is dropped without a trace: each record ends as one row of one of three tables, or it is the second delivery
-- of an event that has one (same storm, same event_id).
--   events          on time
--   events_late     later than the watermark; the same columns, so that whoever reads history reads both
--   events_refused  no event of a storm: the bytes as they came, with the reason
-- The tables are made by `stormplay lakehouse create`: partitions by day of the event are beyond Flink's CREATE TABLE.

SET 'pipeline.name' = 'storm-events';
SET 'execution.runtime-mode' = 'streaming';
SET 'table.local-time-zone' = 'UTC';
SET 'parallelism.default' = '${PARALLELISM}';
SET 'execution.checkpointing.interval' = '${COMMIT_EVERY}';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';
-- Aligned, and one at a time: with unaligned checkpoints Iceberg's sink loses rows (apache/iceberg issue 15846).
SET 'execution.checkpointing.unaligned.enabled' = 'false';
SET 'execution.checkpointing.max-concurrent-checkpoints' = '1';
SET 'execution.checkpointing.externalized-checkpoint-retention' = 'RETAIN_ON_CANCELLATION';
SET 'execution.checkpointing.dir' = '${CHECKPOINTS}';
-- What is known of second deliveries is the job's only large state: on disk, and only its changes in a checkpoint.
SET 'state.backend.type' = 'rocksdb';
SET 'execution.checkpointing.incremental' = 'true';
-- How long a second delivery is known for one. Who reads history leaves out later ones (stormplay.lakehouse).
SET 'table.exec.state.ttl' = '7 d';
-- A topic that nobody writes to holds the clock of the others back for this long at most.
SET 'table.exec.source.idle-timeout' = '30 s';

CREATE CATALOG lake WITH (
  'type' = 'iceberg',
  'catalog-impl' = 'org.apache.iceberg.jdbc.JdbcCatalog',
  'uri' = '${CATALOG_URI}',
  'jdbc.user' = '${CATALOG_USER}',
  'jdbc.password' = '${CATALOG_PASSWORD}',
  'jdbc.schema-version' = 'V1',
  'warehouse' = '${WAREHOUSE}',
  'io-impl' = '${FILE_IO}'
);

-- An event's time is its `occurred_at` (RFC 3339, with a zone), else when Kafka got the record. One that claims to be of
-- the future does not push the watermark on: a single wrong clock would make all others late.
CREATE TEMPORARY TABLE records (
  payload     BYTES,
  topic       STRING METADATA VIRTUAL,
  `partition` INT NOT NULL METADATA VIRTUAL,
  `offset`    BIGINT NOT NULL METADATA VIRTUAL,
  recorded_at TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,
  asked_at    AS PROCTIME(),
  event_at    AS COALESCE(
    CAST(TIMESTAMPADD(MINUTE,
      -- less the zone's hours and minutes, which no cast of Flink's reads
      - COALESCE(TRY_CAST(REGEXP_EXTRACT(JSON_VALUE(DECODE(payload, 'UTF-8'), '$.occurred_at'), '([-+]\d\d):\d\d$', 1) AS INT) * 60
        + TRY_CAST(REGEXP_EXTRACT(JSON_VALUE(DECODE(payload, 'UTF-8'), '$.occurred_at'), '([-+])\d\d:\d\d$', 1)
                || REGEXP_EXTRACT(JSON_VALUE(DECODE(payload, 'UTF-8'), '$.occurred_at'), '[-+]\d\d:(\d\d)$', 1) AS INT), 0),
      TRY_CAST(REPLACE(UPPER(REGEXP_EXTRACT(JSON_VALUE(DECODE(payload, 'UTF-8'), '$.occurred_at'),
        '^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?)([Zz]|[-+]\d\d:\d\d)$', 1)), 'T', ' ') AS TIMESTAMP(3))
      ) AS TIMESTAMP_LTZ(3)),
    recorded_at),
  WATERMARK FOR event_at AS TIMESTAMPADD(SECOND, -${LATENESS}, LEAST(event_at, recorded_at))
) WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = '${KAFKA}',
  ${KAFKA_PROPERTIES}
  'properties.group.id' = '${GROUP}',
  'properties.isolation.level' = 'read_committed',
  'topic-pattern' = 'storm_events_.*',
  'scan.startup.mode' = 'earliest-offset',
  'scan.topic-partition-discovery.interval' = '5 s',
  'format' = 'raw'
);

-- Which company a storm belongs to, asked of Postgres and remembered. A storm that is not there is asked for again.
CREATE TEMPORARY TABLE storms (
  storm_id  STRING,
  tenant_id STRING,
  PRIMARY KEY (storm_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${POSTGRES_URI}',
  'table-name' = 'sec.storm_of_lake',
  'username' = 'stormplay_lake',
  'password' = '${POSTGRES_PASSWORD}',
  'lookup.cache' = 'PARTIAL',
  'lookup.partial-cache.max-rows' = '100000',
  'lookup.partial-cache.expire-after-write' = '10 min',
  'lookup.partial-cache.cache-missing-key' = 'false',
  'lookup.max-retries' = '5'
);

-- A number is asked for in brackets: so 12 and "12" can be told apart.
CREATE TEMPORARY VIEW heard AS
SELECT topic, `partition`, `offset`, recorded_at, event_at, asked_at, payload,
       event_at <= CURRENT_WATERMARK(event_at) AS is_late,
       REGEXP_EXTRACT(topic, '^storm_events_([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$', 1) AS storm_id,
       said IS JSON OBJECT AS is_object,
       JSON_VALUE(said, '$.type') AS event_type,
       CASE WHEN JSON_QUERY(said, '$.event_id' WITH WRAPPER) LIKE '["%' THEN JSON_VALUE(said, '$.event_id') END AS event_id,
       LOWER(REGEXP_EXTRACT(JSON_VALUE(said, '$.property_id'), '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$', 0)) AS property_id,
       LOWER(REGEXP_EXTRACT(JSON_VALUE(said, '$.job_id'), '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$', 0)) AS job_id,
       TRY_CAST(REGEXP_EXTRACT(JSON_QUERY(said, '$.sii_score' WITH WRAPPER), '^\[(-?[0-9][-+.0-9Ee]*)\]$', 1) AS DOUBLE) AS sii_score,
       TRY_CAST(REGEXP_EXTRACT(JSON_QUERY(said, '$.value' WITH WRAPPER), '^\[(-?[0-9][-+.0-9Ee]*)\]$', 1) AS DECIMAL(18, 4)) AS dollars,
       JSON_EXISTS(said, '$.occurred_at') AND JSON_QUERY(said, '$.occurred_at' WITH WRAPPER) IS NOT NULL
         AND TRY_CAST(REPLACE(UPPER(REGEXP_EXTRACT(JSON_VALUE(said, '$.occurred_at'),
           '^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?)([Zz]|[-+]\d\d:\d\d)$', 1)), 'T', ' ') AS TIMESTAMP(3)) IS NULL
         AS is_untimed
  FROM (SELECT *, DECODE(payload, 'UTF-8') AS said FROM records);

CREATE TEMPORARY VIEW judged AS
SELECT h.*, s.tenant_id,
       CASE WHEN s.tenant_id IS NOT NULL THEN payload IS NOT NULL AND topic IS NOT NULL END AS is_whole,
       -- as stormplay.streaming.events judges them
       CASE WHEN is_object IS NOT TRUE THEN 'malformed'
            WHEN CHAR_LENGTH(DECODE(payload, 'UTF-8')) > 16384 THEN 'too large'
            WHEN event_type IS NULL OR event_type NOT IN ('property_impacted', 'job_completed', 'conversion') THEN 'unknown type'
            WHEN event_id IS NULL OR CHAR_LENGTH(event_id) NOT BETWEEN 1 AND 200
              OR is_untimed OR event_at < TO_TIMESTAMP_LTZ(0, 3) OR event_at > recorded_at + INTERVAL '10' MINUTE
              OR event_type = 'property_impacted' AND (property_id IS NULL OR sii_score IS NULL OR sii_score NOT BETWEEN 0 AND 100)
              OR event_type = 'job_completed' AND job_id IS NULL
              OR event_type = 'conversion' AND (property_id IS NULL OR dollars IS NULL OR dollars NOT BETWEEN 0 AND 100000000) THEN 'invalid'
            WHEN s.tenant_id IS NULL THEN 'unknown storm' END AS reason
  FROM heard h LEFT JOIN storms FOR SYSTEM_TIME AS OF h.asked_at AS s ON s.storm_id = h.storm_id;

-- The first delivery of each event.
CREATE TEMPORARY VIEW known AS
SELECT *,
       CASE WHEN event_type <> 'job_completed' THEN property_id END AS home,
       CASE WHEN event_type = 'job_completed' THEN job_id END AS job,
       CASE WHEN event_type = 'property_impacted' THEN sii_score END AS sii,
       CASE WHEN event_type = 'conversion' THEN CAST(ROUND(dollars * 100) AS BIGINT) END AS value_cents
  FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY tenant_id, storm_id, event_id, is_whole ORDER BY asked_at) AS delivery
          FROM judged WHERE reason IS NULL)
 WHERE delivery = 1;

-- One plan for all three, in which each record's storm is asked for once and its lateness is settled once. Asked twice,
-- with another answer, a record could be written twice or never. Flink shares a step only where all ask it for the same
-- columns; for that `known` names the bytes and the last table has three columns more. A test holds the plan to it.
EXECUTE STATEMENT SET
BEGIN
INSERT INTO lake.stormplay.events
SELECT tenant_id, storm_id, event_id, event_type, home, job, sii, value_cents, event_at, recorded_at, `partition`, `offset`
  FROM known WHERE is_late IS NOT TRUE;
INSERT INTO lake.stormplay.events_late
SELECT tenant_id, storm_id, event_id, event_type, home, job, sii, value_cents, event_at, recorded_at, `partition`, `offset`
  FROM known WHERE is_late;
INSERT INTO lake.stormplay.events_refused
SELECT tenant_id, storm_id, topic, `partition`, `offset`, recorded_at, event_at, is_late, asked_at, reason, payload
  FROM judged WHERE reason IS NOT NULL;
END;
