#!/bin/sh
# What an emulator cannot show, asked of your own project. Reads only; the queries are limited to 100 MiB each.
#   sh scheduled/google-cloud/check-project.sh PROFILE PROJECT REGION KPI_DATASET SOURCE_DATASET.TABLE
#   sh scheduled/google-cloud/check-project.sh prod example-reporting us winery_kpi winery_raw.stg_order
# Exit code 1, and the numbers of those that failed, when not every check went well.
set -eu
profile=$1 project=$2 region=$3 dataset=$4 table=$5 failed=""
ask() { bq query --project_id="$project" --use_legacy_sql=false --maximum_bytes_billed=104857600 --format=pretty "$1"; }

echo "1. Permissions, locations, columns"
kpi doctor --profile "$profile" || failed="$failed 1"

echo "2. A price before the query: must not be 0 bytes for a table with rows"
bq query --project_id="$project" --use_legacy_sql=false --dry_run "SELECT * FROM \`$project.$table\`" || failed="$failed 2"

echo "3. The limit on bytes: BigQuery must refuse this, and bills nothing for refusing"
answer=$(bq query --project_id="$project" --use_legacy_sql=false --use_cache=false --maximum_bytes_billed=1 \
  "SELECT COUNT(DISTINCT TO_JSON_STRING(t)) AS n FROM \`$project.$table\` AS t" 2>&1 || true)
echo "$answer"
case $answer in *"bytes billed"*) ;; *) failed="$failed 3" ;; esac

echo "4. Partitions and clusters of our tables"
ask "SELECT table_name, ARRAY_TO_STRING(ARRAY_AGG(IF(is_partitioning_column = 'YES', column_name, NULL) IGNORE NULLS), ',') AS partitioned,
  STRING_AGG(IF(clustering_ordinal_position IS NOT NULL, column_name, NULL), ',' ORDER BY clustering_ordinal_position) AS clustered
FROM \`$project.$dataset.INFORMATION_SCHEMA.COLUMNS\` GROUP BY table_name ORDER BY table_name" || failed="$failed 4"

echo "5. Jobs, bytes and dollars of each run of the last week, by the labels that a run sets"
ask "SELECT (SELECT value FROM UNNEST(labels) WHERE key = 'run') AS run, COUNT(*) AS jobs,
  COUNTIF(error_result IS NOT NULL) AS failed, SUM(total_bytes_billed) AS bytes_billed,
  ROUND(SUM(total_bytes_billed) / POW(2, 40) * 6.25, 4) AS dollars
FROM \`region-$region\`.INFORMATION_SCHEMA.JOBS_BY_USER
WHERE creation_time > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 7 DAY)
GROUP BY run HAVING run IS NOT NULL ORDER BY run DESC" || failed="$failed 5"

if [ -n "$failed" ]; then
  echo "These checks did not go well:$failed" >&2
  exit 1
fi
