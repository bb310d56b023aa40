"""nbval runs a notebook in the environment that it belongs to, and in no other."""

from tools.notebooks import environment_of, this_environment


def pytest_ignore_collect(collection_path):
    if collection_path.suffix == ".ipynb" and environment_of(collection_path) != this_environment():
        return True
    return None  # whatever pytest decides
