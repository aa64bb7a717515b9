"""Tune a stage of one's own in a chain by gradients."""

import tempfile
from pathlib import Path

import torch

import isptune
from isptune import Float
from isptune.scenes import read_image, write_image
from isptune.stages import per_sample


class Warmth(isptune.Stage):
    """More red and less blue, or the other way round."""

    amount = Float(-0.4, 0.4, default=0.0, description="above 0 is warmer")

    def forward(self, images, amount):
        amount = per_sample(amount, images)
        red, green, blue = images.split(1, dim=1)
        return torch.cat([red * (1 + amount), green, blue * (1 - amount)], dim=1).clamp(0, 1)


def main() -> None:
    isptune.register_stage("example-warmth", replace=True)(Warmth)
    picture = isptune.create_pipeline("synthetic", scenes=["chart:128x96"]).reference(0)[0]
    with tempfile.TemporaryDirectory() as folder:
        before, wanted = Path(folder) / "before.png", Path(folder) / "wanted.png"
        write_image(before, picture * 0.8)
        write_image(wanted, Warmth()(read_image(before)[None], amount=picture.new_tensor([0.2]))[0])
        chain = isptune.create_pipeline(
            "chain", scenes=[str(before)], target=str(wanted), stages=["example-warmth", "gaussian_blur"]
        )
        result = isptune.tune(chain, "psnr", optimizer="adam", budget=120, seed=0)
    print(result.best_parameters)


if __name__ == "__main__":
    main()
