"""The Watchkeeper client: log predictions and corrections from a serving process. See docs/client.md."""

from collectors.client.buffer import Stats
from collectors.client.client import Client

__all__ = ["Client", "Stats"]
