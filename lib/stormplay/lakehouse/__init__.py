"""History of events past one machine: the same frame from Trino, from Iceberg's files, or from Postgres."""
