"""Full-reference fidelity: PSNR, SSIM and multi-scale SSIM, differentiable and exact per sample."""

from isptune_fidelity.functional import ms_ssim, psnr, ssim
from isptune_fidelity.objectives import PSNR, SSIM, MultiScaleSSIM

__all__ = ["PSNR", "SSIM", "MultiScaleSSIM", "ms_ssim", "psnr", "ssim"]
