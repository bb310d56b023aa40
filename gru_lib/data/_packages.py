"""One clear error where data come out of a package that is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needed_by(what: str, package: str) -> Iterator[None]:
    """Turn a failed import in the block into an error that says what needs the package."""
    try:
        yield
    except ImportError:
        raise ImportError(
            f"{what} needs {package}: install it with  pip install 'gru-lib[data]'"
        ) from None
