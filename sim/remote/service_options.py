"""Where a service is, and how long to wait for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceOptions:
    """Where a service is, and how long to wait for it.

    Parameters
    ----------
    host : str
        Name or address of its host.
    port : int
        1 to 65535.
    connections : int
        Number of sessions in flight at once, each over its own connection; 1 or more.
    timeout_seconds : float
        Longest time for one request, from connecting to the end of its answer.
    retry_seconds : float
        For how long a request that the service refuses is sent again.

    Examples
    --------
    >>> ServiceOptions(port=5002).url
    'http://127.0.0.1:5002'
    """

    host: str = "127.0.0.1"
    port: int = 5001
    connections: int = 16
    timeout_seconds: float = 10.0
    retry_seconds: float = 10.0

    @property
    def url(self) -> str:
        """The service's base URL, without a slash at its end."""
        return f"http://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as URLs and the Host header have them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
