"""The Q-Align protocol on any image-text-to-text model of transformers."""

from isptune_qalign.lmm.objective import LMM as LMM
from isptune_qalign.lmm.objective import QReAlign as QReAlign
from isptune_qalign.lmm.objective import QReAlignMini as QReAlignMini
from isptune_qalign.lmm.objective import QReAlignPro as QReAlignPro
