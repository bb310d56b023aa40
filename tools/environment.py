"""Make an environment of the book and install into it; if that fails, say why in one line.

There are two: the book's, .venv, and one that also has TensorFlow and JAX, .venv-frameworks.

Run by make with whatever Python the reader has, so it uses the standard library only and keeps
to syntax that Python 3.6 can parse: an old one must get a clear message, not a SyntaxError.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, NEWEST = (3, 11), (3, 13)
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
NEEDED_GB = {"cpu": 3.6, "default": 9.6 if sys.platform == "linux" else 3.6}
# Each environment's folder and pins, and how many GB it takes with PyTorch's CPU build. With
# the newest releases, what it holds is the extra of that name in pyproject.toml.
ENVIRONMENTS = {
    "book": (".venv", "requirements.txt", 2.1),
    "frameworks": (".venv-frameworks", "requirements-frameworks.txt", 3.3),
}

# What pip writes when something outside of our hands goes wrong, and what to say then. The
# network comes before "No matching distribution", which pip also writes when it has no network.
REASONS = (
    ("No space left on device", "the disk is full"),
    ("Disk quota exceeded", "the disk quota is used up"),
    ("Failed to establish a new connection", "there is no network"),
    ("Temporary failure in name resolution", "there is no network"),
    ("Failed to resolve", "there is no network"),
    ("Read timed out", "the network is too slow"),
    ("No matching distribution found", "a pinned version does not exist for this Python or system"),
    ("ResolutionImpossible", "the pinned versions contradict each other"),
    ("Permission denied", "a file or folder may not be written"),
)


class SetupError(Exception):
    """What went wrong, in one line."""


def check_python(version):
    """Raise SetupError unless the book runs on this version, a tuple such as (3, 12)."""
    if not OLDEST <= tuple(version[:2]) <= NEWEST:
        raise SetupError(
            f"this book needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]}, and {sys.executable} is "
            f"{version[0]}.{version[1]}; name another one: make PYTHON=/path/to/python3.12"
        )


def check_disk(folder, needed_gb):
    """Raise SetupError unless the folder's disk has room for the environment."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(
            f"the disk is full: the environment needs {needed_gb:.0f} GB "
            f"and {free_gb:.1f} GB are free in {folder}"
        )


def pip_steps(torch, versions, torch_pin, name="book"):
    """The pip commands that fill the environment of that name, in order.

    torch "cpu" takes PyTorch's CPU build from its own index first, so that the next step finds it
    installed; versions "newest" ignores the pins and takes the newest releases inside the ranges
    of pyproject.toml.
    """
    newest = versions == "newest"
    steps = []
    if torch == "cpu":
        wanted = "torch" if newest else torch_pin
        steps.append(["install", "--index-url", TORCH_CPU_INDEX, wanted])
    if newest:
        steps.append(["install", "--upgrade", "--editable", ".[" + name + "]"])
    else:
        steps.append(["install", "--requirement", ENVIRONMENTS[name][1]])
        steps.append(["install", "--no-deps", "--no-build-isolation", "--editable", "."])
    return steps


def read_torch_pin(requirements):
    """The line of a list of pins that pins torch."""
    for line in requirements.splitlines():
        if line.startswith("torch=="):
            return line.split(";")[0].strip()
    raise SetupError("the list of pins does not pin torch")


def explain(log_text, log_path):
    """One line on why pip failed."""
    for sign, reason in REASONS:
        if sign in log_text:
            return f"{reason} (pip's own words: {log_path})"
    errors = [line for line in log_text.splitlines() if line.startswith("ERROR")]
    last = errors[-1] if errors else "no reason given"
    return f"{last} (more in {log_path})"


def make_folder(folder):
    """Make an empty virtual environment."""
    command = [sys.executable, "-m", "venv", "--clear", folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode("utf-8", "replace")
    if "ensurepip" in said:
        raise SetupError("this Python has no venv; on Debian and Ubuntu: apt install python3-venv")
    if done.returncode != 0:
        last = (said.strip() or "no reason given").splitlines()[-1]
        raise SetupError(f"making {folder} failed: {last}")


def run_pip(python, arguments, log_path):
    """Run pip, keep what it says in a log, and show on a terminal what it is doing."""
    command = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    said = []
    with open(log_path, "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace")
            said.append(line)
            log.write(line)
            if sys.stdout.isatty():
                sys.stdout.write("\r\033[K  " + line.strip()[:76])
                sys.stdout.flush()
        code = process.wait()
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K")
    if code != 0:
        raise SetupError("installing failed: " + explain("".join(said), log_path))


def read(path):
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def last_choice(stamp_path):
    """Which PyTorch the environment was made with; the default one if there is none yet."""
    if not os.path.exists(stamp_path):
        return "default"
    return "cpu" if read(stamp_path).startswith("cpu ") else "default"


def make_environment(folder, torch, versions, name="book"):
    """Bring the environment of that name up to date; return True if anything had to be done.

    Without a choice of torch (None), it stays what it was, so that TORCH=cpu has to be given once.
    """
    check_python(sys.version_info)
    stamp_path = os.path.join(folder, "installed")
    torch = torch or last_choice(stamp_path)
    _, pins, size_gb = ENVIRONMENTS[name]
    requirements = read(os.path.join(ROOT, pins))
    # what follows are settings of tools, which change nothing that is installed
    project = read(os.path.join(ROOT, "pyproject.toml")).split("\n[tool.pytest", 1)[0]
    wanted = "\n".join([sys.version, versions, ROOT, requirements, project])
    stamp = f"{torch} {hashlib.sha256(wanted.encode('utf-8')).hexdigest()}"
    if os.path.exists(stamp_path) and read(stamp_path) == stamp:
        return False

    check_disk(ROOT, NEEDED_GB[torch] + size_gb - ENVIRONMENTS["book"][2])
    started = time.monotonic()
    print(f"Making {os.path.relpath(folder)}: about {size_gb} GB to install, a few minutes, once.")
    make_folder(folder)
    python = os.path.join(folder, "bin", "python")
    log_path = os.path.join(folder, "install.log")
    for step in pip_steps(torch, versions, read_torch_pin(requirements), name):
        run_pip(python, step, log_path)
    with open(stamp_path, "w", encoding="utf-8") as file:
        file.write(stamp)
    print(f"Installed in {time.monotonic() - started:.0f} s.")
    return True


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", choices=sorted(ENVIRONMENTS), default="book")
    parser.add_argument("--folder", help="where it is made (default: its own place in the book)")
    parser.add_argument("--torch", choices=["default", "cpu"])
    parser.add_argument("--versions", choices=["pinned", "newest"], default="pinned")
    options = parser.parse_args(arguments)
    name = options.environment
    folder = options.folder or os.path.join(ROOT, ENVIRONMENTS[name][0])
    try:
        make_environment(folder, options.torch, options.versions, name)
    except (SetupError, OSError) as error:
        sys.stderr.write(f"what-is-a-gru: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
