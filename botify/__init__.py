"""The online service: which track does a listener get next?

`create_app` builds the Flask application; `botify serve` runs it.
"""

from typing import TYPE_CHECKING

from botify.version import VERSION

__version__ = VERSION
__all__ = ["__version__", "create_app"]

if TYPE_CHECKING:
    from botify.app import create_app


def __getattr__(name: str) -> object:
    # On demand: `import botify` must work without the service's libraries.
    if name == "create_app":
        from botify.app import create_app

        return create_app
    raise AttributeError(f"module 'botify' has no attribute {name!r}")
