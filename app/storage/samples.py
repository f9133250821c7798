"""The sample of each reference, and what its features were found to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, delete, insert, select

from app.core.importance import Importance
from app.core.sample import Sample, pack_sample, unpack_sample
from app.storage.tables import reference_sample


@dataclass(frozen=True, slots=True)
class PackedSample:
    """A sample ready to be stored: packing takes up to seconds, which no writer should wait for."""

    rows: int
    labelled: int
    importance: Mapping[str, Importance]
    data: bytes

    @classmethod
    def of(cls, sample: Sample, importance: Mapping[str, Importance]) -> PackedSample:
        return cls(sample.rows, sample.labelled, importance, pack_sample(sample))


def replace_sample(connection: Connection, version_id: int, new: PackedSample) -> None:
    """Keep the sample of the version's reference, in place of any other."""
    connection.execute(delete(reference_sample).where(reference_sample.c.version_id == version_id))
    connection.execute(
        insert(reference_sample).values(
            version_id=version_id,
            rows=new.rows,
            labelled=new.labelled,
            importance=msgspec.to_builtins(new.importance),
            data=new.data,
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
