"""Lists, trains with and evaluates with what the example plugin adds; argument: the `ganstyle` command."""

from __future__ import annotations

import subprocess
import sys

from ganstyle.registry import BUILT_IN, load_registry

QUICK = ["--images", "64", "--batch", "16", "--resolution", "32", "--quiet"]


def added() -> dict[str, str]:
    """Return kind to name of the components that are not built in."""
    plugins = [plugin for plugin in load_registry().plugins if plugin.distribution != BUILT_IN]
    return {component.kind: component.name for plugin in plugins for component in plugin.components}


def run(command: str, *words: str) -> str:
    """Run ganstyle and return what it printed; its failure is ours."""
    print("$ ganstyle", *words, flush=True)
    done = subprocess.run([command, *words], check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    return done.stdout


def main(command: str) -> None:
    """Use every component."""
    names = added()
    missing = {"arch", "loss", "metric"} - set(names)
    if missing:
        sys.exit(f"error: the example plugin adds no {', '.join(sorted(missing))}")
    for kind in ("arch", "loss", "metric"):
        if names[kind] not in run(command, kind, "list"):
            sys.exit(f"error: {kind} {names[kind]} isn't listed")
    run(command, "train", "--arch", names["arch"], "--loss", names["loss"], *QUICK)
    run(command, "eval", "--metric", f"ssim,{names['metric']}", "--count", "32", "--quiet")


if __name__ == "__main__":
    main(sys.argv[1])
