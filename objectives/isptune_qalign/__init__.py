"""Q-Align, and the Q-Align protocol on any image-text-to-text model."""

from isptune_qalign.loading import load_model
from isptune_qalign.objective import QALIGN_TINY, DeQAScore, QAlign, QAlignTiny

__all__ = ["QALIGN_TINY", "DeQAScore", "QAlign", "QAlignTiny", "load_model"]
