"""The terms of a weighted sum, read from plain configuration data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import isptune
from isptune.contracts.judge import scores_no_pictures
from isptune.contracts.objective import Objective
from isptune.errors import ConfigurationError
from isptune.plugins.checkpoints import MissingCheckpointError
from isptune.wording.naming import did_you_mean, listed

_KEYS = ("objective", "weight", "options", "label")


@dataclass(frozen=True)
class Term:
    """One term: an objective, its weight, and how its score enters the sum.

    Attributes:
        label: its name among the terms.
        objective: what gives the score.
        weight: positive and finite.
        scale: what the score is multiplied with: the weight, negative where lower is better, divided by the
            width of the score's range if the sum is normalised.
    """

    label: str
    objective: Objective
    weight: float
    scale: float

    @property
    def score_range(self) -> tuple[float, float]:
        """The lowest and highest contribution to the sum."""
        low, high = sorted(end * self.scale for end in self.objective.score_range)
        return low, high


def read_terms(terms: Any, normalise: bool) -> list[Term]:
    """The terms of ``Weighted`` from its option ``terms``.

    Raises:
        ConfigurationError: the form, a key, a weight or a label is not allowed, or ``normalise`` meets a
            score without a finite range.
        UnknownNameError: no objective has that name.
    """
    read = [_term(label, name, entry, normalise) for label, name, entry in _entries(terms)]
    if not read:
        raise ConfigurationError("the objective 'weighted' needs at least one term, such as {psnr: 1.0}")
    labels = [term.label for term in read]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise ConfigurationError(
            f"the terms of 'weighted' must have different labels, repeated: {listed(repeated)}; "
            "give one of them a 'label'"
        )
    return read


def term_options(terms: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Each term's objective and its options, without making it.

    Raises:
        ConfigurationError: the form is not allowed.
    """
    for _, name, entry in _entries(terms):
        options = entry.get("options") if isinstance(entry, Mapping) else None
        yield name, options if isinstance(options, Mapping) else {}


def _entries(terms: Any) -> Iterable[tuple[str, str, Any]]:
    """(label, objective's name, weight or mapping) of a mapping or of a list of mappings."""
    if isinstance(terms, Mapping):
        for name, entry in terms.items():
            if isinstance(entry, Mapping) and "objective" in entry:
                # The key is then a label of the user's own.
                yield str(name), str(entry["objective"]), {"label": str(name), **entry}
            else:
                yield str(name), str(name), entry
        return
    if isinstance(terms, Sequence) and not isinstance(terms, str):
        for number, entry in enumerate(terms, start=1):
            if not isinstance(entry, Mapping) or not isinstance(entry.get("objective"), str):
                raise ConfigurationError(
                    f"term {number} of 'weighted' is {entry!r}; allowed: a mapping with the key 'objective', "
                    "such as {objective: psnr, weight: 1.0}"
                )
            yield str(entry.get("label", entry["objective"])), entry["objective"], entry
        return
    raise ConfigurationError(
        f"the terms of 'weighted' are {terms!r}; allowed: a mapping of objectives to weights, such as "
        "{psnr: 1.0, ssim: 20}, or a list of mappings with the key 'objective'"
    )


def _term(label: str, name: str, entry: Any, normalise: bool) -> Term:
    options: Mapping[str, Any] = {}
    weight = entry
    if isinstance(entry, Mapping):
        for key in entry:
            if key not in _KEYS:
                raise ConfigurationError(
                    f"the term '{label}' of 'weighted' has no key '{key}'"
                    + (did_you_mean(str(key), _KEYS) or f"; its keys: {listed(_KEYS)}")
                )
        weight, options = entry.get("weight", 1.0), entry.get("options") or {}
        if not isinstance(options, Mapping):
            raise ConfigurationError(
                f"the options of the term '{label}' of 'weighted' are {options!r}; allowed: a mapping"
            )
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < math.inf:
        raise ConfigurationError(
            f"the weight of the term '{label}' of 'weighted' is {weight!r}; allowed: finite numbers above 0 "
            "(scores where lower is better are subtracted already)"
        )
    try:
        objective = isptune.create_objective(name, **options)
    except MissingCheckpointError as error:
        term = f"{{objective: {name}, weight: {weight:g}, options: {{checkpoint: FOLDER}}}}"
        raise error.elsewhere(f"terms={{{label}: {term}}}") from error
    if objective.is_judge:
        raise scores_no_pictures(name)
    scale = float(weight) if objective.higher_is_better else -float(weight)
    if normalise:
        low, high = objective.score_range
        if not math.isfinite(high - low):
            raise ConfigurationError(
                f"'weighted' cannot normalise the term '{label}': its score range [{low:g}, {high:g}] is not "
                "finite; set normalise to false and choose the weights accordingly"
            )
        scale /= high - low
    return Term(label, objective, float(weight), scale)
