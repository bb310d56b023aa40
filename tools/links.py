"""Say where the book lives, or set it in every file: make links REPO=owner/name.

The one setting is repository.url in _config.yml. GitHub, Colab and Binder addresses elsewhere
repeat it, because a README or a notebook that is opened alone has to know where it came from.
"""

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
GITHUB = "https://github.com/"
ALLOWED = re.compile(
    r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}(?<!\.git)"
)
USAGE = """\
usage: make links REPO=owner/name
  owner: letters, digits and single hyphens between them, at most 39
  name:  letters, digits and any of - _ . , at most 100, not ending in .git"""

BEFORE = (
    r"(?P<before>(?:git\+|git clone )?(?:https://)?(?:github\.com|raw\.githubusercontent\.com"
    r"|colab\.research\.google\.com/github|mybinder\.org/v2/gh)/)"
)
ADDRESS = re.compile(BEFORE + r"(?P<name>[\w-]+/[\w.-]*[\w-])")
# Addresses that can only be meant for this book, whatever owner and name they give.
OWN_BEFORE = ("git+", "git clone ", "https://colab", "https://mybinder")
OWN_FILES = ("_config.yml", "pyproject.toml", "CITATION.cff")


def tracked_files(root: Path) -> list[Path]:
    """Every file of a clone that git tracks, or would track if it were added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    paths = [root / name for name in sorted(set(listed.stdout.split("\0"))) if name]
    return [path for path in paths if path.is_file()]


def read_text(path: Path) -> str:
    """The text of a file with its line ends as they are; empty if it is not text."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return ""


def setting(root: Path) -> str:
    """The owner/name that _config.yml sets."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"].removeprefix(GITHUB)


def addresses(text: str) -> list[tuple[str, str]]:
    """What stands before each owner/name in a text, and the owner/name."""
    found = ADDRESS.finditer(text)
    return [(match["before"], match["name"].removesuffix(".git")) for match in found]


def places(root: Path) -> list[Path]:
    """The files that name the repository."""
    wanted = setting(root)
    files = tracked_files(root)
    return [p for p in files if any(name == wanted for _, name in addresses(read_text(p)))]


def disagreements(root: Path) -> list[Path]:
    """The files that name this book's repository otherwise than the setting does."""
    wanted = setting(root)

    def is_wrong(path: Path, before: str, name: str) -> bool:
        same_book = name.lower().split("/")[1] == wanted.lower().split("/")[1]
        own = before.startswith(OWN_BEFORE) or path.name in OWN_FILES
        return name != wanted and (same_book or own)

    files = tracked_files(root)
    return [p for p in files if any(is_wrong(p, *found) for found in addresses(read_text(p)))]


def set_repository(root: Path, new: str) -> list[Path]:
    """Set owner/name in every place; return the files that changed.

    Notebooks are changed as text, so that nothing else in them moves.
    """
    if not ALLOWED.fullmatch(new):
        raise ValueError(f"'{new}' is not the name of a GitHub repository\n{USAGE}")
    old = setting(root)
    if new == old:
        return []
    changed = places(root)
    pattern = re.compile(BEFORE + re.escape(old) + r"(?=(?:\.git)?(?!\.?[\w-]))")
    for path in changed:
        text = pattern.sub(lambda match: match["before"] + new, read_text(path))
        path.write_bytes(text.encode("utf-8"))
    return changed


def main(arguments: list[str]) -> int:
    if not arguments:
        print(f"The book lives at {GITHUB}{setting(ROOT)}\n{USAGE}")
        return 0
    try:
        changed = set_repository(ROOT, " ".join(arguments))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for path in changed:
        print(path.relative_to(ROOT))
    print(f"The book lives at {GITHUB}{setting(ROOT)}: {len(changed)} files changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
