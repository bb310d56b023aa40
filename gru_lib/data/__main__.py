"""The data sets on the command line: ``python -m gru_lib.data list | fetch NAME | check``."""

import argparse
import shutil
import sys
import textwrap

from gru_lib.data.registry import REGISTRY, check, data_folder, fetch

_INTERRUPTED = 130  # as a shell says it
_SHOWN = 5  # damaged or missing files named one by one


def main(arguments: list[str] | None = None) -> int:
    """Do what the arguments say.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the command line.

    Returns
    -------
    int
        The exit code: 0, or 1 where something failed, is damaged or was asked for and is missing.

    Examples
    --------
    >>> from gru_lib.data.__main__ import main
    >>> main(["list"])  # doctest: +SKIP
    0
    """
    parser = argparse.ArgumentParser(prog="python -m gru_lib.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what there is, and what of it lies in the data folder")
    fetching = commands.add_parser("fetch", help="download what is missing of some data sets")
    fetching.add_argument("names", nargs="+", metavar="NAME")
    checking = commands.add_parser("check", help="read everything that is there, and compare")
    checking.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    given = parser.parse_args(arguments)
    try:
        if given.command == "list":
            return _list()
        return _fetch(given.names) if given.command == "fetch" else _check(given.names)
    except (OSError, ValueError, ImportError) as error:
        print(f"gru_lib.data: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        print("\ngru_lib.data: interrupted.", *getattr(stop, "__notes__", ()), file=sys.stderr)
        return _INTERRUPTED


def _list() -> int:
    print(f"Data folder: {data_folder()}\n")
    rows = [("name", "files", "MB", "here", "what it holds; licence")]
    for name, entry in REGISTRY.items():
        size = sum(file.bytes for file in entry.files.values()) / 1e6
        about = f"{entry.title}; licence: {entry.licence}"
        rows.append((name, f"{len(entry.files):,}", f"{size:,.1f}", _here(name), about))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for name, files, size, here, about in rows:
        start = (
            f"{name:{widths[0]}}  {files:>{widths[1]}}  {size:>{widths[2]}}  {here:{widths[3]}}  "
        )
        width = max(shutil.get_terminal_size((100, 24)).columns, len(start) + 30)
        print(textwrap.fill(about, width, initial_indent=start, subsequent_indent=" " * len(start)))
    return 0


def _here(name: str) -> str:
    """How much of a data set is there, by name and size."""
    entry = REGISTRY[name]
    folder = data_folder() / entry.folder
    count = sum(
        (folder / path).is_file() and (folder / path).stat().st_size == file.bytes
        for path, file in entry.files.items()
    )
    if count in (0, len(entry.files)):
        return "yes" if count else "no"
    return f"{count:,} of {len(entry.files):,}"


def _fetch(names: list[str]) -> int:
    for name in names:
        fetch(name, only=())  # an unknown name ends it before anything is downloaded
    for name in names:
        folder = fetch(name)
        print(f"{name} is complete in {folder}")
    return 0


def _check(names: list[str]) -> int:
    failed = False
    for name in names or REGISTRY:
        state = check(name)
        total = len(REGISTRY[name].files)
        if len(state.complete) == total:
            said = f"complete, {total:,} file{'s' if total > 1 else ''} with the right sha256"
        elif len(state.missing) == total:
            said = "not here"
        else:
            said = "; ".join(
                f"{len(paths):,} {word} ({_some(paths)})"
                for word, paths in (("missing", state.missing), ("damaged", state.damaged))
                if paths
            )
        print(f"{name}: {said}")
        failed = failed or bool(state.damaged) or bool(names and state.missing)
    return int(failed)


def _some(paths: list[str]) -> str:
    rest = len(paths) - _SHOWN
    return ", ".join(paths[:_SHOWN]) + (f" and {rest:,} more" if rest > 0 else "")


if __name__ == "__main__":
    sys.exit(main())
