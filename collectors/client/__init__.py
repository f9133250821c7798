"""The Watchkeeper client: log predictions and corrections from a serving process. See docs/client.md."""

from collectors.client.buffer import Stats
from collectors.client.client import Client
from collectors.client.live import LiveVersion

__all__ = ["Client", "LiveVersion", "Stats"]
