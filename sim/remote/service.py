"""Where the service is and how long to put up with it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceOptions:
    """A service of the protocol; all numbers are more than 0.

    `connections` sessions are in flight at once, each over a connection of its
    own. One request, from connecting to the end of its answer, may take
    `timeout_seconds`; one that is refused is sent again for `retry_seconds`.
    """

    host: str = "127.0.0.1"
    port: int = 5001
    connections: int = 16
    timeout_seconds: float = 10.0
    retry_seconds: float = 10.0

    @property
    def url(self) -> str:
        return f"http://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as URLs and the Host header have them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
