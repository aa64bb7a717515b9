"""Tuning by people: the judge ``people``, who asks, and what the answers say."""

from isptune_study.people.askers import Answerer, Asker
from isptune_study.people.judge import People
from isptune_study.people.questions import Question

__all__ = ["Answerer", "Asker", "People", "Question"]
