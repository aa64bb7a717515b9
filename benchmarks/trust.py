"""The trust cards of all objectives that can be made here at once, without a download.

    uv run python benchmarks/trust.py

Writes a card for each (Markdown, JSON, a figure) and trust.md, which sets them side by side, into the folder
trust; about a minute an objective on one thread, more for those with a network. Cards that are there are
kept, so the same command goes on after a stop; ``--again`` makes them anew, ``--objectives`` chooses some.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from isptune.benchmark.trust.judges import ready_objectives
from isptune.cli import run


def main() -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--objectives", default=",".join(ready_objectives()))
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("trust"))
    options = parser.parse_args()
    code = 0
    # One after another, so that a stop loses one card at most.
    for name in options.objectives.split(","):
        kept = [] if options.again else ["--keep"]
        code = max(code, run(["bench", "trust", name, *kept, "--out", str(options.out)]))
    return code


if __name__ == "__main__":
    sys.exit(main())
