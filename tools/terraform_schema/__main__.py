"""The command line: `python3 -m terraform_schema ROOT FOLDER…`, called by tools/terraform-schema."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from .hcl import At
from .module import Checker, Function, read_module
from .provider import Provider, open_provider


def main() -> int:
    options = argparse.ArgumentParser(prog="terraform-schema")
    options.add_argument("root", type=Path, help="what paths are shown relative to")
    options.add_argument("folders", type=Path, nargs="+", help="the modules")
    given = options.parse_args()

    provider, functions = environment()
    root = given.root.resolve()
    faults: set[tuple[At, str]] = set()
    objects = 0
    for folder in given.folders:
        module = read_module(folder.resolve(), root, lambda at, message: faults.add((at, message)))
        Checker(module, root, provider, functions, lambda at, message: faults.add((at, message))).run()
        objects += len(module.objects)
    for at, message in sorted(faults):
        print(f"{at}: {message}", file=sys.stderr)
    if faults:
        return 1
    where = f"{len(given.folders)} folders"
    print(f"{objects} resources and data sources in {where} agree with AWS provider {provider.version}")
    return 0


def environment() -> tuple[Provider, dict[str, Function]]:
    """The provider and Terraform's functions, from where tools/terraform-schema put them."""
    bindings, index, functions = (
        Path(os.environ[f"TERRAFORM_SCHEMA_{name}"]) for name in ("BINDINGS", "INDEX", "FUNCTIONS")
    )
    return open_provider(bindings, index), read_functions(functions)


def read_functions(file: Path) -> dict[str, Function]:
    """Terraform's own account of its functions."""
    functions = {}
    for name, signature in json.loads(file.read_text())["function_signatures"].items():
        least = len(signature.get("parameters", []))
        most = None if "variadic_parameter" in signature else least
        functions[name.removeprefix("core::")] = Function(least, most)
    return functions


if __name__ == "__main__":
    sys.exit(main())
