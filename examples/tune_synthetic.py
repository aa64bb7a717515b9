"""Tune the synthetic ISP with two optimizers and say how near each comes to the hidden optimum."""

import isptune

SCENE, BUDGET = "chart:64x48", 60


def main() -> None:
    pipeline = isptune.create_pipeline("synthetic", scenes=[SCENE], seed=3)
    start = pipeline.space.start()
    print(f"start: normalised l1 {float(pipeline.losses(start)[1]):.4f}")
    for optimizer in ("es", "cma", "adam"):
        result = isptune.tune(pipeline, "psnr", optimizer=optimizer, budget=BUDGET, population=30, seed=0)
        print(f"{optimizer}: {result.best_score:.2f} dB, normalised l1 {result.l1_normalised:.4f}")


if __name__ == "__main__":
    main()
