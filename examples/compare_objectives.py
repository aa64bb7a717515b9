"""Let objectives tune the same task and compare the hidden distortion of what each chose.

`isptune bench` does this properly: with many seeds, intervals, tests and a report.
"""

import isptune

OBJECTIVES = ("psnr", "ssim", "severity", "contrast")
BUDGET = 90


def main() -> None:
    pipeline = isptune.create_pipeline("synthetic", scenes=["chart:128x96"], seed=1)
    for objective in OBJECTIVES:
        result = isptune.tune(pipeline, objective, budget=BUDGET, population=30, seed=0)
        warning = "  misled: better-looking candidates scored worse" if result.misled else ""
        print(f"{objective:10} normalised l1 {result.l1_normalised:.4f}{warning}")


if __name__ == "__main__":
    main()
