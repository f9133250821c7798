"""The sample of each reference, and what its features were found to tell."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, delete, insert, select

from app.core.importance import Importance
from app.core.sample import Sample, pack_sample, unpack_sample
from app.storage.tables import reference_sample


def replace_sample(
    connection: Connection, version_id: int, sample: Sample, importance: Mapping[str, Importance]
) -> None:
    """Keep the sample of the version's reference, in place of any other."""
    connection.execute(delete(reference_sample).where(reference_sample.c.version_id == version_id))
    connection.execute(
        insert(reference_sample).values(
            version_id=version_id,
            rows=sample.rows,
            labelled=sample.labelled,
            importance=msgspec.to_builtins(importance),
            data=pack_sample(sample),
        )
    )


def find_sample(connection: Connection, version_id: int) -> Sample | None:
    """The sample of the version's reference; None while there is none, or for one stored before samples were kept."""
    query = select(reference_sample.c.data).where(reference_sample.c.version_id == version_id)
    packed = connection.scalar(query)
    return None if packed is None else unpack_sample(packed)


def find_importance(connection: Connection, version_id: int) -> dict[str, Importance]:
    """The importance of the version's features; empty where it has no sample."""
    query = select(reference_sample.c.importance).where(reference_sample.c.version_id == version_id)
    stored = connection.scalar(query)
    return {} if stored is None else msgspec.convert(stored, dict[str, Importance])


def has_labels(connection: Connection, version_id: int) -> bool | None:
    """Whether any sampled row of the reference has a label; None where there is no sample."""
    query = select(reference_sample.c.labelled).where(reference_sample.c.version_id == version_id)
    labelled = connection.scalar(query)
    return None if labelled is None else labelled > 0
