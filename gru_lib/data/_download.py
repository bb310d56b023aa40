"""How one file comes from the network: in pieces, after a break from where it stopped.

pooch decides whether a file is needed, checks its sha256 and puts it in place at one stroke; it
calls a :class:`Receiver` for the bytes in between.
"""

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and so nothing resumed
    fcntl = None

if TYPE_CHECKING:
    import requests

#: Ending of a file that is not complete yet.
PARTIAL = ".part"
#: Errors of a disk that is full, or of a quota that is used up.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

_PIECE = 8192
_TIMEOUT = 30
_WAITS = (1, 2, 4)  # seconds before another try, as long as no further byte has come
_LONGEST_WAIT = 30
_BUSY = (429, 500, 502, 503, 504)


class ChangedFileError(ValueError):
    """What an address gives is not what it once gave.

    Examples
    --------
    >>> from gru_lib.data._download import ChangedFileError
    >>> issubclass(ChangedFileError, ValueError)
    True
    """


class Receiver:
    """A downloader for ``pooch.retrieve`` that goes on where an earlier download stopped.

    Parameters
    ----------
    session : requests.Session
        Keeps one connection for many files.
    size : int
        Bytes of the complete file.
    partial : Path
        Where the bytes wait until they are complete. Another process that fetches the same file at
        the same time is left alone: this one then starts at zero, elsewhere.
    on_position : callable
        Is told how many bytes of the file are there, whenever that changes.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gru_lib.data._download import Receiver
    >>> Receiver(None, 9, Path("file.csv.part"), print).size
    9
    """

    def __init__(
        self,
        session: "requests.Session",
        size: int,
        partial: Path,
        on_position: Callable[[int], object],
    ) -> None:
        self.session = session
        self.size = size
        self.partial = partial
        self.on_position = on_position

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Write what ``url`` gives to ``output_file``; ``pooch`` is not looked at."""
        claimed = _claim(self.partial)
        try:
            with claimed or open(output_file, "wb") as file:
                self._receive(url, file)
                if claimed:
                    os.replace(self.partial, output_file)
        except (OSError, ValueError) as error:
            useless = isinstance(error, ChangedFileError) or error_number(error) in DISK_FULL
            # an interrupted download (KeyboardInterrupt as well) leaves a file to go on from
            if claimed and (useless or not self.partial.stat().st_size):
                self.partial.unlink()
            raise

    def _receive(self, url: str, file: BinaryIO) -> None:
        """Fill the file up to its size, with a few tries."""
        from requests import HTTPError
        from requests.exceptions import ChunkedEncodingError, ConnectionError, Timeout

        if file.tell() > self.size:
            self._start_over(file)
        self.on_position(file.tell())
        waits, furthest = list(_WAITS), file.tell()
        while file.tell() < self.size:
            asked = None
            try:
                self._receive_once(url, file)
                broken = ConnectionError(f"closed after {file.tell()} of {self.size} bytes")
            except HTTPError as error:
                if error.response.status_code not in _BUSY:
                    raise
                broken, asked = error, _asked_to_wait(error.response)
            except (ChunkedEncodingError, ConnectionError, Timeout) as error:
                broken = error
            if file.tell() > furthest:
                waits, furthest = list(_WAITS), file.tell()
            elif not waits:
                raise broken
            if file.tell() < self.size:
                wait = waits.pop(0)
                time.sleep(wait if asked is None else asked)

    def _receive_once(self, url: str, file: BinaryIO) -> None:
        """Ask for the rest of the file, and write what comes."""
        from requests.exceptions import ConnectionError

        start = file.tell()
        # a compressed answer could not be gone on with: its bytes are not those of the file
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with self.session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            no_such_rest = start and response.status_code == 416
            if not no_such_rest:
                response.raise_for_status()
                first, total = _extent(response)
                if total not in (None, self.size):
                    raise ChangedFileError(f"{total} bytes, expected {self.size}")
                if first == 0 < start:  # the server takes no wish for a part
                    self._start_over(file)
                if first == file.tell():
                    self._write(response, file)
                    return
        if not start:  # asked for the whole file, and given a part of it
            raise ConnectionError(f"{url} does not give the file from its beginning")
        self._start_over(file)
        self._receive_once(url, file)

    def _write(self, response: "requests.Response", file: BinaryIO) -> None:
        for piece in response.iter_content(_PIECE):
            file.write(piece)
            file.flush()
            self.on_position(file.tell())
            if file.tell() > self.size:
                raise ChangedFileError(f"more than {self.size} bytes")

    def _start_over(self, file: BinaryIO) -> None:
        file.seek(0)
        file.truncate()
        self.on_position(0)


def error_number(error: Exception) -> int | None:
    """The number of the operating system's error, also of one that another one wraps."""
    while error is not None:
        if getattr(error, "errno", None) is not None:
            return error.errno
        error = error.__cause__ or error.__context__
    return None


def _claim(partial: Path) -> BinaryIO | None:
    """The partial file, locked, at its end; None where another process has it."""
    if fcntl is None:
        return None
    with contextlib.ExitStack() as unless_mine:
        file = unless_mine.enter_context(open(partial, "ab"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # whoever had it may have put it in place meanwhile: it is not to be written to
            mine = os.path.samestat(os.fstat(file.fileno()), os.stat(partial))
        except OSError:
            mine = False
        if mine:
            unless_mine.pop_all()
            return file
    return None


def _asked_to_wait(response: "requests.Response") -> int | None:
    seconds = response.headers.get("Retry-After", "")
    return min(int(seconds), _LONGEST_WAIT) if seconds.isdigit() else None


def _extent(response: "requests.Response") -> tuple[int, int | None]:
    """Where in the file an answer starts, and the size of the whole file where it says so."""
    if response.status_code == 206:
        extent, _, total = response.headers.get("Content-Range", "").partition("/")
        first = extent.removeprefix("bytes").strip().partition("-")[0]
        return (
            int(first) if first.isdigit() else -1,
            int(total) if total.isdigit() else None,
        )
    length = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    return 0, int(length) if length.isdigit() and not encoded else None
