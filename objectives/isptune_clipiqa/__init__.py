"""CLIP-IQA and CLIP-IQA+ on open_clip, for ResNets, vision transformers and SigLIP at any image size."""

from isptune_clipiqa.objective import CLIPIQA
from isptune_clipiqa.plus import CLIPIQAPlus
from isptune_clipiqa.prompts import ATTRIBUTES

__all__ = ["ATTRIBUTES", "CLIPIQA", "CLIPIQAPlus"]
