"""CLIP-IQA and CLIP-IQA+ on open_clip."""
