"""The contract of a judge: an objective that ranks a whole generation, such as people or a tournament."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor

from isptune.contracts.objective import Objective
from isptune.contracts.requirements import Memory
from isptune.contracts.round import Comparison, Note, Round
from isptune.errors import ConfigurationError


class Judge(Objective):
    """An objective that scores the candidates of a generation together; subclass it and write ``judge``.

    People who compare pictures, a tournament, a model that ranks. A judge keeps nothing between rounds: its
    scores follow from the round and the notes alone. A run that is killed in the middle of a generation then
    gives it the same round again with the notes it had made, and no question that was answered is asked
    again::

        class Taste(isptune.Judge):
            \"\"\"A person at the terminal says how much each candidate is worth.\"\"\"

            def judge(self, round):
                known = {note["who"]: note["worth"] for note in round.notes}
                for contender in round.contenders:
                    if contender.identity not in known:
                        known[contender.identity] = self.ask(contender.pictures)
                        round.note({"who": contender.identity, "worth": known[contender.identity]})
                return [known[contender.identity] for contender in round.contenders]

            def ask(self, pictures):
                return float(pictures[0].mean())

    Scores of all generations of a run are compared with each other. What ranks by comparison alone has to
    compare with ``round.leader`` as well, and to count from its score.

    Candidates whose values were judged before keep their scores and take part in no further round. A run
    holds the pictures of a whole generation in main memory for its judges.

    A judge that ``revises`` sees more with every answer: it gets the candidates of earlier generations as
    ``round.past``, and ``round.revise`` gives them other scores.

    Class facts are those of ``Objective``. ``needs_reference`` says that scenes without a reference are
    refused; gradients there are none. The conformance suite ``isptune.testing.JudgeConformance`` checks the
    rest. Of its own a judge has:

        gives_comparisons: ``comparisons`` reads answers about pairs out of its notes. An optimizer that
            learns from these is told them beside the scores.
        revises: it may change the scores of earlier generations.
    """

    is_judge = True
    gives_comparisons: bool = False
    revises: bool = False
    # It scores no micro-batches.
    memory = Memory(images=0.0)

    @abstractmethod
    def judge(self, round: Round) -> Sequence[float]:
        """Score the contenders of a round.

        Args:
            round: what there is to judge.

        Returns:
            (P,) finite scores, one a contender in the round's order, in the orientation of
            ``higher_is_better``: a list, an array or a tensor. NaN stands for a contender that cannot be
            judged, which has then failed.
        """

    def comparisons(self, notes: Sequence[Note]) -> list[Comparison]:
        """What the notes of a generation say about pairs of candidates, where it ``gives_comparisons``."""
        return []

    def end(self) -> None:
        """A run that asked it is over, or stops for now: let go of what it holds, such as a server."""

    def score(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """Refused with a ConfigurationError: pictures by themselves have no scores."""
        raise scores_no_pictures(self.name or type(self).__name__)

    def scores(self, images: Tensor, reference: Tensor | None = None) -> Tensor:
        """Refused with a ConfigurationError: pictures by themselves have no scores."""
        raise scores_no_pictures(self.name or type(self).__name__)


def scores_no_pictures(name: str) -> ConfigurationError:
    """The refusal of a judge where pictures are scored one by one."""
    return ConfigurationError(
        f"the objective '{name}' is a judge: it ranks the candidates of a run and scores no pictures by "
        "themselves; choose another one ('isptune list objectives' tells them apart)"
    )
