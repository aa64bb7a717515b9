"""Judgement by people: for now simulated observers, who compare pairs of pictures."""

from isptune_people.observer import SimulatedObserver
from isptune_people.pairing import pairs_of
from isptune_people.thurstone import Comparison, scale

__all__ = ["Comparison", "SimulatedObserver", "pairs_of", "scale"]
