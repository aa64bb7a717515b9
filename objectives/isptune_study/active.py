"""Which pairs tell most: mutual information under a Laplace posterior, and a tree of all images."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from isptune_study.answers import Answers, Numbers
from isptune_study.laws import THURSTONE
from isptune_study.matchings import Pairs
from isptune_study.scaling import Likelihood, PairTable


def next_tree(answers: Answers, asked: Pairs, generator: np.random.Generator) -> Pairs:
    """The pairs of a spanning tree of the largest mutual information.

    Each image's position has a normal posterior (Laplace's approximation of Thurstone's law, with the full
    covariance). What an answer tells about the distance of two images is its entropy less the entropy that
    remains where the distance is known (N. Houlsby and others, "Bayesian active learning for classification
    and preference learning", 2011). A tree connects all images, and none of its pairs repeats what another
    one tells (A. Mikhailiuk and others, "Active sampling for pairwise comparisons via approximate message
    passing and information gain maximization", ICPR 2020).

    Args:
        answers: all so far, of every observer.
        asked: (P, 2) pairs that this observer had already; they come again only where no others connect.
        generator: decides between pairs that tell equally much.

    Returns:
        (N - 1, 2) pairs, those that tell most first.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    count = len(answers.images)
    table = Likelihood(PairTable.of(answers.tests()), THURSTONE, THURSTONE.prior)
    positions = table.maximum()
    covariance = np.linalg.inv(table.curvature(positions))
    first, second = np.triu_indices(count, 1)
    own = np.diagonal(covariance)
    variance = own[first] + own[second] - 2 * covariance[first, second]
    gain = information(positions[first] - positions[second], variance)
    # Equal gains, such as those before the first answer, are put in a random order.
    gain = gain * (1 + 1e-6 * generator.random(len(gain)))
    gains = np.zeros((count, count))
    gains[first, second] = gain
    low, high = asked.min(axis=1, initial=count), asked.max(axis=1, initial=0)
    gains[low, high] *= 1e-6
    # A tree of least weight, all weights above 0: those of 0 are no edges.
    weights = np.where(gains > 0, gains.max() * (1 + 1e-3) - gains, 0.0)
    tree = minimum_spanning_tree(csr_array(weights)).tocoo()
    order = np.argsort(tree.data, kind="stable")
    return np.stack([tree.row[order], tree.col[order]], axis=1).astype(np.int64)


def information(mean: Numbers, variance: Numbers) -> Numbers:
    """What an answer tells about a distance, in bits.

    Args:
        mean, variance: of the normal distribution of the distance, in Thurstone's unit.
    """
    # A normal curve is close to the entropy of Phi: error below 0.005 bits.
    width = np.pi * np.log(2) / 2
    remaining = np.sqrt(width / (variance + width)) * np.exp(-(mean**2) / (2 * (variance + width)))
    share = ndtr(mean / np.sqrt(1 + variance))
    found: Numbers = _entropy(share) - remaining
    return np.maximum(found, 1e-12)


def _entropy(share: Numbers) -> Numbers:
    from scipy.special import entr

    found: Numbers = (entr(share) + entr(1 - share)) / np.log(2)
    return found
