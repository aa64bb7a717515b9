"""The pipeline ``chain``: any registered stages in a row, each with its own parameters."""

from isptune_chain.pipeline import ChainPipeline

__all__ = ["ChainPipeline"]
