"""What all tables have in common: the naming of constraints, and columns that many of them have."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, MetaData
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = JSON().with_variant(JSONB(), "postgresql")


def model_id() -> Column[int]:
    """The model that the row belongs to, and goes with."""
    return Column("model_id", ForeignKey("model.id", ondelete="CASCADE"), nullable=False)


def version_id(*, primary_key: bool = False) -> Column[int]:
    """The version that the row belongs to, and goes with."""
    return Column("version_id", ForeignKey("version.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key)
