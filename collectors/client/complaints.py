"""What the client says about trouble: each kind once in the log, the newest in the statistics, the key never."""

import logging
import threading

_logger = logging.getLogger("watchkeeper.client")

_MOST_TOPICS = 100
_LONGEST_TEXT = 500


class Complaints:
    """The guest's manners: a collector that is down all night is one line in the log of the service, not thousands."""

    def __init__(self, secret: str | None) -> None:
        """A text that quotes the secret, as the error page of a proxy may, is told without it."""
        self._secret = secret
        self._said: set[str] = set()
        self._lock = threading.Lock()
        self.last = ""

    def say(self, topic: str, text: str) -> None:
        """Remember the text; log it as a warning if it is the first of its topic."""
        text = self._without_secret(text)[:_LONGEST_TEXT]
        self.last = text
        if self._is_first(topic):
            _logger.warning("%s (said once; stats.last_error holds the newest)", text)

    def _without_secret(self, text: str) -> str:
        return text.replace(self._secret, "<key>") if self._secret else text

    def _is_first(self, topic: str) -> bool:
        with self._lock:
            if topic in self._said or len(self._said) >= _MOST_TOPICS:
                return False
            self._said.add(topic)
            return True
