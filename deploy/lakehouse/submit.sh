#!/usr/bin/env bash
# Start the job of job.sql on a running Flink cluster, or go on from its newest checkpoint. Safe to call again.
#
# What it reads from the environment:
#   KAFKA              bootstrap servers, with commas
#   KAFKA_PROPERTY_*   further settings of the Kafka client: KAFKA_PROPERTY_SECURITY_PROTOCOL=SSL
#   GROUP              consumer group, for lag only: the job's own checkpoints hold its offsets  (stormplay-lake)
#   POSTGRES_URI       Stormplay's database, jdbc:postgresql://host:5432/stormplay
#   POSTGRES_PASSWORD  of the role stormplay_lake there
#   CATALOG_URI        the database of Iceberg's catalog, jdbc:postgresql://host:5432/lake
#   CATALOG_USER, CATALOG_PASSWORD
#   WAREHOUSE          where tables are, s3://bucket/lake or file:///warehouse
#   FILE_IO            what reaches it  (org.apache.iceberg.hadoop.HadoopFileIO; for s3 org.apache.iceberg.aws.s3.S3FileIO)
#   CHECKPOINTS        where checkpoints are, in a folder or bucket that outlives the cluster
#   RESTORE_FROM       a checkpoint or savepoint to go on from; where CHECKPOINTS is file:///, the newest is found
#   COMMIT_EVERY       how often what has come can be read  (60 s)
#   LATENESS           seconds that an event may come behind the newest before it is late  (300)
#   PARALLELISM        (2)
#   FLINK_HOME         (/opt/flink)
set -euo pipefail

here=$(cd -- "$(dirname -- "$0")" && pwd)
FLINK_HOME=${FLINK_HOME:-/opt/flink}
GROUP=${GROUP:-stormplay-lake}
FILE_IO=${FILE_IO:-org.apache.iceberg.hadoop.HadoopFileIO}
COMMIT_EVERY=${COMMIT_EVERY:-60 s}
LATENESS=${LATENESS:-300}
PARALLELISM=${PARALLELISM:-2}
KAFKA_PROPERTIES=
for name in ${!KAFKA_PROPERTY_*}; do
  key=${name#KAFKA_PROPERTY_} key=${key,,} key=${key//_/.}
  KAFKA_PROPERTIES+="'properties.$key' = '${!name//\'/\'\'}', "
done

# The newest checkpoint that was completed: its _metadata is written last.
newest() {
  local folder=${CHECKPOINTS#file://}
  [[ $CHECKPOINTS == file:///* && -d $folder ]] || return 0
  find "$folder" -path '*/chk-*/_metadata' -printf '%T@ %h\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-
}

if "$FLINK_HOME/bin/flink" list 2>/dev/null | grep -q ' : storm-events ('; then
  echo 'The job runs already.'
  exit 0
fi

text=$(<"$here/job.sql")
for name in KAFKA GROUP POSTGRES_URI POSTGRES_PASSWORD CATALOG_URI CATALOG_USER CATALOG_PASSWORD WAREHOUSE FILE_IO \
  CHECKPOINTS COMMIT_EVERY LATENESS PARALLELISM; do
  value=${!name:?is not set}
  text=${text//"\${$name}"/"${value//\'/\'\'}"}
done
text=${text//'${KAFKA_PROPERTIES}'/"$KAFKA_PROPERTIES"}

# Passwords are in it: for nobody else to read, and gone afterwards.
told=$(umask 077 && mktemp)
trap 'rm -f "$told"' EXIT
client() { "$FLINK_HOME/bin/sql-client.sh" -f "$told" 2>&1 || true; } # it ends with 0 even where a statement failed
give_up() {
  grep -v -i 'password' <<<"$said" | tail -n 40 >&2
  echo "$1" >&2
  exit 1
}

# job.sql says why each of these steps may be there once only. Another version of Flink may plan otherwise.
printf '%s\n' "${text/EXECUTE STATEMENT SET/EXPLAIN STATEMENT SET}" >"$told"
said=$(client)
plan=$(sed -n '/== Optimized Execution Plan ==/,$p' <<<"$said")
for step in 'TableSourceScan(' 'LookupJoin(' 'Deduplicate('; do
  [[ $(grep -c -F "$step" <<<"$plan") == 1 ]] || give_up "The plan has not exactly one ${step%(}: the job was not started."
done

from=${RESTORE_FROM:-$(newest)}
: >"$told"
if [[ -n $from ]]; then
  echo "Going on from $from."
  printf "SET 'execution.state-recovery.path' = '%s';\n" "$from" >"$told"
fi
printf '%s\n' "$text" >>"$told"
said=$(client)
grep -q 'Job ID:' <<<"$said" || give_up 'Flink did not take the job.'
grep 'Job ID:' <<<"$said"
