"""What people and programs read: rows that jobs have computed, never raw predictions."""

from app.services.read_models.alert_rows import alerts
from app.services.read_models.fleet import overview
from app.services.read_models.measurement_rows import cursor, measurements

__all__ = ["alerts", "cursor", "measurements", "overview"]
