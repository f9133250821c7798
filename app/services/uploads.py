"""Profiles in place of rows: for teams whose rows may not leave their place.

An upload is stored as it came and counted by the next fold, like a batch of rows; a rebuild counts it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from app.core.codec import layout_digest
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.fold import WHOLE
from app.core.layout import Layout
from app.core.model import Model, Version
from app.core.portable import PortableProfile, decode, layout_differences
from app.core.profile import FeatureCounts, OutcomeCounts
from app.services.catalogue import find
from app.services.counting import LostRaceError, Tally, pack, save, saving
from app.services.ingest import CLOCK_TOLERANCE, EARLIEST
from app.storage import uploads as stored
from app.storage.engine import read, snapshot, write
from app.storage.lease import Lease
from app.storage.recipes import load_recipes
from app.storage.references import find_reference

SLICE_WINDOWS = 20
"""Profiles changed in one transaction, while every other writer waits."""
MOST_UNPACKED = 2 << 30
"""Bytes that all windows of an upload may take: seconds of work, whatever a small body claims to hold."""


@dataclass(frozen=True, slots=True)
class UploadSummary:
    """What an upload brought. `duplicate`: it was there already, and nothing changed."""

    upload: str
    windows: int
    rows: int
    duplicate: bool


def layout_of(engine: Engine, model_name: str, version_name: str) -> Layout:
    """The layout that profiles of the version are made with. Raises NotFoundError while it has no reference."""
    _, version = find(engine, model_name, version_name)
    with read(engine) as connection:
        reference = find_reference(connection, version.id)
    if reference is None:
        raise NotFoundError("reference", f"{model_name} {version_name}", [])
    return reference.layout


def store_upload(engine: Engine, model_name: str, version_name: str, packed: bytes, now: datetime) -> UploadSummary:
    """Store the profiles of a file for a version, all of them or none; the next fold counts them.

    Raises InvalidError for what is no sound profile file or has other windows than the model; ConflictError when its
    layout is not the version's, or it counts rows of a file that another upload holds; NotFoundError for an unknown
    name, or a version without a reference.
    """
    model, version = find(engine, model_name, version_name)
    wanted = layout_of(engine, model_name, version_name)
    profiles = decode(packed)
    _require_layout(wanted, profiles.layout)
    _check_windows(model, profiles, now)
    upload, windows = _unpack(profiles)
    summary = UploadSummary(upload, len(windows), sum(window.rows for window in windows), duplicate=False)
    if _store(engine, version, profiles, upload, windows, now):
        return summary
    return UploadSummary(summary.upload, summary.windows, summary.rows, duplicate=True)


def count_uploads(engine: Engine, lease: Lease, version_id: int, now: datetime) -> int:
    """Count what was uploaded for the version since; the number of windows. The caller has the turn to fold.

    Raises LostRaceError when the turn is lost, or somebody else changed what was counted on.
    """
    total = 0
    while windows := _count_slice(engine, lease, version_id, now):
        total += windows
    return total


def _count_slice(engine: Engine, lease: Lease, version_id: int, now: datetime) -> int:
    with snapshot(engine) as connection:
        recipe = load_recipes(connection, [version_id]).get(version_id)
        if recipe is None:
            return 0
        waiting = stored.uncounted(connection, version_id, layout_digest(recipe.layout), SLICE_WINDOWS)
        if not waiting:
            return 0
        tally = Tally(stamps={version_id: recipe.stamp})
        for one in waiting:
            tally.add_profiles(recipe, {(WHOLE, one.start): one.profile})
        packed = pack(connection, tally)
    with saving(engine, lease) as connection:
        if not stored.mark_counted(connection, [one.id for one in waiting], now):
            raise LostRaceError("another process counted the same uploads")
        save(connection, packed, now)
    return len(waiting)


def _require_layout(wanted: Layout, given: Layout) -> None:
    if layout_digest(wanted) != layout_digest(given):
        said = "; ".join(layout_differences(wanted, given)[:5])
        raise ConflictError(f"the profile's layout is not the version's: {said}; make it with --like the version's")


def _check_windows(model: Model, profiles: PortableProfile, now: datetime) -> None:
    """Refuse windows of another length or of impossible times, and more of them than can be unpacked in a while."""
    if profiles.by is not model.window:
        raise InvalidError("by", profiles.by or "all", f"the windows of the model are of one {model.window}")
    for start in profiles.windows:
        if start is None or not EARLIEST <= start <= now + CLOCK_TOLERANCE:
            raise InvalidError("window", str(start), f"allowed is {EARLIEST:%Y-%m-%d} to {now:%Y-%m-%d %H:%M} UTC")
    layout = profiles.layout
    empty = (FeatureCounts.empty(layout), OutcomeCounts.empty(layout))
    size = len(profiles.windows) * sum(array.nbytes for part in empty for array in part.arrays().values())
    if size > MOST_UNPACKED:
        raise InvalidError("windows", len(profiles.windows), f"unpacked they take {size >> 20} MiB; send fewer at once")


def _unpack(profiles: PortableProfile) -> tuple[str, list[stored.UploadedWindow]]:
    """Every window, once it is found sound, and the digest of all that they say, however it was compressed."""
    digest = sha256("\n".join((layout_digest(profiles.layout), *sorted(profiles.sources))).encode())
    windows = []
    for start, profile in profiles.profiles():
        assert start is not None
        digest.update(start.isoformat().encode())
        for part in (profile.features, profile.outcomes):
            for array in part.arrays().values():
                digest.update(array.tobytes())
        packed = profiles.windows[start]
        windows.append(stored.UploadedWindow(start, profile.rows, packed.features, packed.outcomes))
    return digest.hexdigest(), windows


def _store(
    engine: Engine,
    version: Version,
    profiles: PortableProfile,
    upload: str,
    windows: list[stored.UploadedWindow],
    now: datetime,
) -> bool:
    """True when the upload is new."""
    digest, sources = layout_digest(profiles.layout), sorted(profiles.sources)
    try:
        with write(engine) as connection:
            if _is_there(connection, version, digest, sources, upload):
                return False
            stored.add_upload(connection, version.id, upload, digest, sources, windows, now)
    except IntegrityError:  # somebody stored it, or one that shares a file with it, between our look and our insert
        with read(engine) as connection:
            return not _is_there(connection, version, digest, sources, upload)
    return True


def _is_there(connection: Connection, version: Version, digest: str, sources: list[str], upload: str) -> bool:
    """Raises ConflictError where another upload holds one of the sources."""
    held = stored.uploads_of(connection, version.id, digest, sources)
    for source, other in held.items():
        if other != upload:
            raise ConflictError(
                f"the rows of the file with SHA-256 {source} are in upload {other} already, and would count twice"
            )
    return bool(held)
