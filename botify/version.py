"""The version of the installed package."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("botify")
except PackageNotFoundError:  # a checkout on the path that is not installed
    VERSION = "unknown"
