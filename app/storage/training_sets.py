"""The manifests of training sets, kept for good by the hash of their content."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, insert, select

from app.core.errors import NotFoundError
from app.core.training_set import Manifest
from app.storage.tables import training_set

_t = training_set.c
ADVICE = "make one with `watchkeeper export training-set`"


def keep_manifest(connection: Connection, model_id: int, manifest: Manifest, now: datetime) -> None:
    """Store the manifest, unless one of the same content is stored already."""
    if connection.scalar(select(_t.hash).where(_t.hash == manifest.content_sha256)) is None:
        values = {"hash": manifest.content_sha256, "model_id": model_id, "created_at": now}
        connection.execute(insert(training_set).values(**values, manifest=msgspec.to_builtins(manifest)))


def find_manifest(connection: Connection, content: str, model_id: int | None = None) -> Manifest:
    """The manifest of that content, of one model or any. Raises NotFoundError with the newest there are."""
    query = select(_t.manifest).where(_t.hash == content)
    mine = [] if model_id is None else [_t.model_id == model_id]
    stored = connection.scalar(query.where(*mine))
    if stored is None:
        known = connection.scalars(select(_t.hash).where(*mine).order_by(_t.created_at.desc()).limit(10))
        raise NotFoundError("training set", content[:64], list(known), ADVICE)
    return msgspec.convert(stored, Manifest)


def list_manifests(connection: Connection, model_id: int) -> list[Manifest]:
    """The model's, the newest first."""
    query = select(_t.manifest).where(_t.model_id == model_id).order_by(_t.created_at.desc(), _t.hash)
    return [msgspec.convert(stored, Manifest) for stored in connection.scalars(query)]
