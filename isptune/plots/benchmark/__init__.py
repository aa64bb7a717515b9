"""Figures of a benchmark: what they show is computed in one module and drawn in others."""
