"""Data sets that are fetched on request: where they come from, and that they are what they were.

Every file is named by a commit and a sha256, so that what is fetched is the same for everyone or
is refused. What was fetched once is read from the data folder, without a network. The folder is
the one that the environment variable ``GRU_DATA_DIR`` names, or else a cache of the user. The list
of data sets is ``registry.json`` beside this module. On the command line,
``python -m gru_lib.data list`` shows them, ``fetch NAME`` fetches and ``check`` looks them over.
"""

import difflib
import errno
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gru_lib.data._download import DISK_FULL, PARTIAL, Receiver, error_number
from gru_lib.data._packages import needed_by

if TYPE_CHECKING:
    import requests

_VARIABLE = "GRU_DATA_DIR"


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Parameters
    ----------
    source : str
        Its path in the repository.
    bytes : int
        Its size.
    sha256 : str
        What its content must be.

    Examples
    --------
    >>> from gru_lib.data.registry import REGISTRY
    >>> REGISTRY["etth1"].files["ETTh1.csv"].bytes
    2589657
    """

    #: Path in the repository.
    source: str
    #: Size.
    bytes: int
    #: Of the content.
    sha256: str


@dataclass(frozen=True)
class DataSet:
    """A data set that can be fetched.

    Parameters
    ----------
    title : str
        What it holds, in one line.
    repository : str
        ``"owner/name"`` on GitHub.
    commit : str
        The commit that its files are taken from.
    licence : str
        What is known about it.
    citation : str
        Whom to cite.
    folder : str
        Its folder in the data folder.
    files : dict of str to DataFile
        By their paths in that folder.

    Examples
    --------
    >>> from gru_lib.data.registry import REGISTRY
    >>> REGISTRY["jsb-chorales"].folder, list(REGISTRY["jsb-chorales"].files)
    ('jsb', ['jsb-chorales-quarter.json'])
    """

    #: One line.
    title: str
    #: ``owner/name``.
    repository: str
    #: Of the repository.
    commit: str
    #: In words.
    licence: str
    #: In words.
    citation: str
    #: In the data folder.
    folder: str
    #: By path in the folder.
    files: dict[str, DataFile]

    def url(self, file: str) -> str:
        """Where one of its files is fetched."""
        source = self.files[file].source
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{source}"

    @property
    def sha256(self) -> str:
        """One sum for the whole set, that of its file or of the list of all its files' sums."""
        sums = [self.files[name].sha256 for name in sorted(self.files)]
        return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()


def _read_registry() -> dict[str, DataSet]:
    listed = json.loads(files("gru_lib.data").joinpath("registry.json").read_text("utf-8"))
    return {
        name: DataSet(
            **{
                **entry,
                "files": {path: DataFile(**file) for path, file in entry["files"].items()},
            }
        )
        for name, entry in listed.items()
    }


#: Everything that can be fetched, by name.
REGISTRY = _read_registry()


def data_folder() -> Path:
    """Where fetched files lie: ``GRU_DATA_DIR``, or the user's cache where it is not set.

    Returns
    -------
    Path
        It need not exist yet.

    Raises
    ------
    NotADirectoryError
        If ``GRU_DATA_DIR`` names a file.
    ImportError
        If it names nothing and platformdirs, which knows the user's cache, is not installed.

    Examples
    --------
    >>> import os
    >>> from gru_lib.data.registry import data_folder
    >>> os.environ["GRU_DATA_DIR"] = "data"  # doctest: +SKIP
    >>> data_folder()  # doctest: +SKIP
    PosixPath('data')
    """
    if os.environ.get(_VARIABLE):
        folder = Path(os.environ[_VARIABLE]).expanduser()
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"{_VARIABLE} is {folder}, a file; expected a folder")
        return folder
    try:
        import platformdirs  # what pooch asks as well; pooch itself loads progress bars
    except ImportError:
        raise ImportError(
            f"the user's cache is found by platformdirs: install it with  pip install "
            f"'gru-lib[data]', or let {_VARIABLE} name a folder"
        ) from None
    return platformdirs.user_cache_path("what-is-a-gru")


def is_fetched(name: str) -> bool:
    """Whether all files of a data set lie in the data folder, by name and size.

    Parameters
    ----------
    name : str
        A key of :data:`REGISTRY`.

    Returns
    -------
    bool
        False also where a file is cut off. The content is looked at by :func:`fetch`.

    Raises
    ------
    ValueError
        If there is no such name.

    Examples
    --------
    >>> from gru_lib.data.registry import is_fetched
    >>> isinstance(is_fetched("etth1"), bool)
    True
    """
    entry = _entry(name)
    folder = data_folder() / entry.folder
    return all(
        (folder / path).is_file() and (folder / path).stat().st_size == file.bytes
        for path, file in entry.files.items()
    )


class DataState(NamedTuple):
    """Which files of a data set are there, and whether they are what they were.

    Parameters
    ----------
    complete, missing, damaged : list of str
        Paths of files in the folder of the data set. Damaged is a file with another content than
        the registry says; it is replaced when the data set is fetched.

    Examples
    --------
    >>> from gru_lib.data.registry import DataState
    >>> DataState(["a.csv"], [], ["b.csv"]).damaged
    ['b.csv']
    """

    #: With the right content.
    complete: list[str]
    #: Not there, or not to the end.
    missing: list[str]
    #: With another content.
    damaged: list[str]


def check(name: str) -> DataState:
    """Look at the content of every file of a data set; nothing is fetched or changed.

    Parameters
    ----------
    name : str
        A key of :data:`REGISTRY`.

    Returns
    -------
    DataState

    Raises
    ------
    ValueError
        If there is no such name.

    Examples
    --------
    >>> from gru_lib.data.registry import REGISTRY, check
    >>> state = check("sst2")
    >>> sorted(sum(state, [])) == sorted(REGISTRY["sst2"].files)
    True
    """
    entry = _entry(name)
    folder = data_folder() / entry.folder
    state = DataState([], [], [])
    for path, file in entry.files.items():
        if _is_right(folder / path, file):
            state.complete.append(path)
        else:
            (state.damaged if (folder / path).exists() else state.missing).append(path)
    return state


def fetch(name: str, only: Iterable[str] | None = None, *, progress: bool = True) -> Path:
    """The folder of a data set; its files are downloaded first where they are not there.

    What breaks off goes on at the next call: files that are complete stay, and one that was cut
    off is continued where it stopped.

    Parameters
    ----------
    name : str
        A key of :data:`REGISTRY`.
    only : iterable of str, optional
        Files of the data set, by their paths in its folder; by default all.
    progress : bool, default True
        Show a progress bar on a terminal while something is downloaded, and say in a line what was.

    Returns
    -------
    Path
        A folder with these files, each with the sha256 of the registry.

    Raises
    ------
    ValueError
        If there is no such name or file, or what an address gives has another sha256. A file that
        was there before is then left as it was.
    ConnectionError
        If a file cannot be downloaded.
    OSError
        If the disk is full, or the folder cannot be written to.
    NotADirectoryError
        If ``GRU_DATA_DIR`` names a file.
    TypeError
        If ``only`` is a single string.
    ImportError
        If a file must be downloaded and pooch is not installed.

    Examples
    --------
    >>> from gru_lib.data.registry import fetch
    >>> fetch("jsb")
    Traceback (most recent call last):
    ...
    ValueError: there is no data set 'jsb'; did you mean 'jsb-chorales'?
    """
    entry = _entry(name)
    if isinstance(only, str):
        raise TypeError(f"only is {only!r}; expected a list of file names, such as [{only!r}]")
    wanted = list(entry.files) if only is None else [_file(name, path) for path in only]
    folder = data_folder() / entry.folder
    missing = [path for path in wanted if not _is_right(folder / path, entry.files[path])]
    if missing:
        _download(name, missing, folder, progress)
    return folder


def _download(name: str, missing: list[str], folder: Path, progress: bool) -> None:
    pooch = _pooch(f"the data set {name!r}")
    import requests  # pooch needs both
    from tqdm import tqdm

    pooch.get_logger().setLevel("WARNING")  # it would write to stderr what it downloads
    sizes = [REGISTRY[name].files[path].bytes for path in missing]
    total = sum(sizes)
    size = f"{total / 1e6:.1f} MB" if total > 1e6 else f"{total / 1e3:.0f} kB"
    bar = tqdm(
        total=total,
        desc=name,
        unit="B",
        unit_scale=True,
        file=sys.stdout,
        leave=False,
        disable=not (progress and sys.stdout.isatty()),
    )
    try:
        with bar, requests.Session() as session:
            for number, path in enumerate(missing):
                before = sum(sizes[:number])

                def show(position: int, before: int = before) -> None:
                    bar.update(before + position - bar.n)

                _download_file(name, path, folder / path, session, show)
    except KeyboardInterrupt as stop:
        stop.add_note(
            f"The data set {name!r} is not complete yet. What has come stays in {folder}; "
            "the next call goes on from there."
        )
        raise
    except OSError as error:
        if error_number(error) in DISK_FULL:
            raise OSError(
                error_number(error),
                f"the disk of {folder} is full; the data set {name!r} needs {size} more there. "
                "Files that are complete stay, the one that did not fit was removed. With more "
                f"room, or with {_VARIABLE} naming a folder on another disk, fetch it again",
            ) from error
        raise
    if progress:
        print(f"fetched {name}: {_count(missing)}, {size}, into {folder}")


def _download_file(
    name: str,
    path: str,
    file: Path,
    session: "requests.Session",
    on_position: Callable[[int], object],
) -> None:
    import pooch
    from requests import HTTPError, RequestException

    expected = REGISTRY[name].files[path]
    url = REGISTRY[name].url(path)
    partial = file.with_name(file.name + PARTIAL)
    # what was there of it may be wrong; then it is gone after the first try
    for more_tries in (1, 0) if partial.exists() else (0,):
        try:
            pooch.retrieve(
                url,
                known_hash=f"sha256:{expected.sha256}",
                fname=file.name,
                path=file.parent,
                downloader=Receiver(session, expected.bytes, partial, on_position),
            )
            return
        except RequestException as error:
            status = f", {error.response.status_code}" if isinstance(error, HTTPError) else ""
            raise ConnectionError(
                f"the data set {name!r} is not complete in {file.parent}, and its file {path!r} "
                f"cannot be fetched from {url} ({type(error).__name__}{status}). With a network it "
                "is downloaded once, and what has come so far stays; without one, put the file "
                f"there, or let {_VARIABLE} name a folder that has it."
            ) from error
        except OSError as error:
            if error_number(error) in DISK_FULL:
                raise
            raise OSError(
                error_number(error) or errno.EACCES,
                f"the data set {name!r} cannot be written to {file.parent} "
                f"({type(error).__name__}); let {_VARIABLE} name a folder that you may write to",
            ) from error
        except ValueError as error:
            if not more_tries:
                raise ValueError(
                    f"what {url} gives is not the file {path!r} of the data set {name!r}: its "
                    "sha256 is another one. Nothing was stored."
                ) from error


def _count(paths: Sequence[str]) -> str:
    return f"{len(paths):,} file{'s' if len(paths) > 1 else ''}"


def _entry(name: str) -> DataSet:
    return REGISTRY[_known(name, REGISTRY, "there is no data set {!r}")]


def _file(name: str, path: str) -> str:
    return _known(path, REGISTRY[name].files, f"the data set {name!r} has no file {{!r}}")


def _known(name: str, names: Sequence[str], message: str) -> str:
    """The name, or an error that lists near ones."""
    if name in names:
        return name
    near = [known for known in names if str(name) in known][:3]
    near = near or difflib.get_close_matches(str(name), names, n=3, cutoff=0.4)
    some = ", ".join(list(names)[:10]) + (", ..." if len(names) > 10 else "")
    guess = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are: {some}"
    raise ValueError(f"{message.format(name)}; {guess}")


def _is_right(path: Path, file: DataFile) -> bool:
    """Whether the file is there with its content; what has another size is not read."""
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256


def _pooch(what: str):
    with needed_by(what, "pooch"):
        import pooch
    return pooch
