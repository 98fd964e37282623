"""The tables of the lake: what the job of deploy/lakehouse writes into and everybody else reads.

Partitions are company and day of the event. So a storm's history is a few folders, a company's rows are files of their
own that can be dropped, and no reader has to know of a column made for partitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DoubleType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestamptzType,
)

from stormplay.lakehouse.places import NAMESPACE
from stormplay.lakehouse.readers import EVENTS

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

REFUSED = "events_refused"

# Ids are text: Flink knows no uuid. Times have microseconds and use three digits of them: those of Flink's event time.
_EVENT = Schema(
    NestedField(1, "tenant_id", StringType(), required=True, doc="the storm's company, as Postgres says"),
    NestedField(2, "storm_id", StringType(), required=True, doc="from the topic's name"),
    NestedField(3, "event_id", StringType(), required=True),
    NestedField(4, "event_type", StringType(), required=True, doc="property_impacted, job_completed or conversion"),
    NestedField(5, "property_id", StringType()),
    NestedField(6, "job_id", StringType()),
    NestedField(7, "sii_score", DoubleType(), doc="0 to 100"),
    NestedField(8, "value_cents", LongType()),
    NestedField(9, "event_at", TimestamptzType(), required=True, doc="when it happened"),
    NestedField(10, "recorded_at", TimestamptzType(), required=True, doc="when Kafka got it"),
    NestedField(11, "partition", IntegerType(), required=True),
    NestedField(12, "offset", LongType(), required=True),
)
_BY_COMPANY_AND_DAY = PartitionSpec(
    PartitionField(1, 1000, IdentityTransform(), "tenant_id"), PartitionField(9, 1001, DayTransform(), "event_day")
)
_REFUSED = Schema(
    NestedField(1, "tenant_id", StringType(), doc="the storm's company; none where there is no such storm"),
    NestedField(2, "storm_id", StringType(), doc="none where the topic's name has no id"),
    NestedField(3, "topic", StringType(), required=True),
    NestedField(4, "partition", IntegerType(), required=True),
    NestedField(5, "offset", LongType(), required=True),
    NestedField(6, "recorded_at", TimestamptzType(), required=True),
    NestedField(7, "event_at", TimestamptzType(), required=True, doc="as far as it could be read"),
    NestedField(8, "is_late", BooleanType()),
    NestedField(9, "refused_at", TimestamptzType(), required=True),
    NestedField(10, "reason", StringType(), required=True, doc="malformed, unknown type, invalid or unknown storm"),
    NestedField(11, "payload", BinaryType(), doc="as it came"),
)
_BY_DAY = PartitionSpec(PartitionField(6, 1000, DayTransform(), "recorded_day"))
_PROPERTIES = {
    "format-version": "2",
    "write.format.default": "parquet",
    "write.parquet.compression-codec": "zstd",
    # One writer for each company and day, or every commit leaves as many small files as there are writers.
    "write.distribution-mode": "hash",
    # Each commit writes the list of files anew; what is older than a hundred commits nobody needs.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
}


def create(catalog: Catalog) -> list[str]:
    """Make the tables that are not there yet; those that are stay as they are. Returns the names of the new ones."""
    catalog.create_namespace_if_not_exists(NAMESPACE)
    wanted = [(name, _EVENT, _BY_COMPANY_AND_DAY) for name in EVENTS] + [(REFUSED, _REFUSED, _BY_DAY)]
    made = []
    for name, schema, partitions in wanted:
        if not catalog.table_exists((NAMESPACE, name)):
            catalog.create_table((NAMESPACE, name), schema, partition_spec=partitions, properties=_PROPERTIES)
            made.append(name)
    return made
