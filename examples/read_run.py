"""Print what a run directory says: ``python read_run.py DIR``, or of a short run that is made first."""

import sys
import tempfile

import isptune


def show(folder: str) -> None:
    run = isptune.Run.read(folder)
    print(f"{run.config.objective.name if len(run.labels) == 1 else run.labels}, {run.config.optimizer.name}")
    print(f"{len(run.history)} of {run.config.budget} evaluations; finished: {run.is_finished}")
    print(f"best: {run.best_parameters}")
    for label, level in (run.result.levels or {}).items():
        print(f"  hidden level of {label}: {level:.4g}")
    failed = sum(len(generation.failures) for generation in run.generations)
    print(f"{failed} candidates failed")


def main() -> None:
    if len(sys.argv) > 1:
        show(sys.argv[1])
        return
    with tempfile.TemporaryDirectory() as folder:
        pipeline = isptune.create_pipeline("synthetic", scenes=["chart:96x64"])
        isptune.tune(pipeline, "psnr", budget=60, population=30, out=f"{folder}/run")
        show(f"{folder}/run")


if __name__ == "__main__":
    main()
