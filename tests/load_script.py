"""Import a script by its path inside the project; scripts are no package."""

import importlib.util

from spider2d import cli


def load_script(path):
    location = cli.PROJECT_ROOT / path
    specification = importlib.util.spec_from_file_location(location.stem, location)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
