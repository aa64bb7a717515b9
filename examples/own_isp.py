"""Tune an ISP of one's own: from a raw picture towards one that somebody likes."""

import numpy as np

import isptune
from isptune import Choice, Float, Int

GAINS = {"daylight": (1.9, 1.0, 1.6), "tungsten": (1.2, 1.0, 2.6)}


class SmallISP(isptune.Pipeline):
    """Black level, white balance, gain and a tone curve on a linear RGB picture."""

    has_reference = True
    # A plain function needs no worker process.
    development = isptune.Development(isolated=False)

    def __init__(self, raw, target):
        self.space = isptune.ParameterSpace(
            {
                "black.level": Int(0, 64, default=0, unit="DN"),
                "white.light": Choice(tuple(GAINS), default="tungsten"),
                "tone.gain": Float(0.5, 2.0, log=True, default=1.0),
                "tone.gamma": Float(1.0, 3.0, default=1.8),
            }
        )
        self.scenes = [isptune.Scene("chart", raw.shape[:2], reference=target, payload=raw)]

    def develop(self, values, scene):
        image = np.clip(scene.payload - values["black.level"] / 1023, 0, 1)
        image = image * np.array(GAINS[values["white.light"]]) * values["tone.gain"]
        return np.clip(image, 0, 1) ** (1 / values["tone.gamma"])


def main() -> None:
    chart = isptune.create_pipeline("synthetic", scenes=["chart:128x96"])
    target = chart.reference(0)[0]
    raw = target.permute(1, 2, 0).numpy() ** 2.2 / np.array(GAINS["daylight"]) + 32 / 1023
    result = isptune.tune(SmallISP(raw, target), "psnr", budget=300, population=30, seed=0)
    print(result.best_parameters, f"{result.best_score:.1f} dB")


if __name__ == "__main__":
    main()
