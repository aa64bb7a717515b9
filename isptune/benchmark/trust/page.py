"""Trust cards as pages of Markdown: one per objective, and one that sets them side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from isptune.benchmark.table import Entry, Table, number_text
from isptune.benchmark.trust.card import TrustCard, judge_names
from isptune.benchmark.trust.chains import KINDS
from isptune.benchmark.trust.judges import TRUTH
from isptune.benchmark.trust.searches import BEATEN, Search
from isptune.benchmark.trust.sweep import VISIBLE
from isptune.benchmark.trust.verdict import (
    FEWEST_RIGHT,
    MEDIAN_SRCC,
    MOST_BEATEN,
    MOST_RIGHT,
    PARTLY,
    RIGHT,
    TRUSTWORTHY,
    UNSTABLE,
    WORST_SRCC,
    counting,
)
from isptune.wording.naming import listed

OVERVIEW = "trust.md"

_MANY = 99


def card_markdown(card: TrustCard) -> str:
    """A card as a page; its figure is ``NAME.png`` beside it."""
    return "\n".join(_card_lines(card)) + "\n"


def _card_lines(card: TrustCard) -> Iterator[str]:
    yield f"# Trust card: {card.objective}"
    yield ""
    yield f"**{headline(card)}**"
    yield ""
    yield from (f"- {reason}" for reason in card.reasons)
    yield ""
    yield f"![The card as a figure]({card.file}.png)"
    yield ""
    yield _table("", ["question", "answer"], _answers(card))
    yield "## Score and truth over the search"
    yield ""
    yield (
        f"Each chain is tuned with {card.settings.get('budget')} evaluations of "
        f"`{card.settings.get('optimizer')}`. Start, end and best moment are the hidden normalised l1 of the "
        "best-scored candidate; after its best moment more search made it worse. The last columns compare "
        "the end with the pristine picture: by how many spreads it scores better, and how far away it is."
    )
    yield ""
    heads = ["chain", "stages", "start", "end", "best moment", "at evaluation", "better than pristine"]
    yield _table("", [*heads, "grey levels away", "gamed"], [_search_row(one) for one in card.searches])
    yield from (f"- {kind}: {what}." for kind, what in KINDS.items() if _has(card, kind))
    yield ""
    yield "## What other judges say"
    yield ""
    yield (
        f"The share of {card.settings.get('compared')} random candidates that the tuned one beats, mean of "
        "the chains that all objectives get: 1 is better than all, 0.5 no better than a random one."
    )
    yield ""
    yield _table("", list(card.judges), [list(card.judges.values())])
    yield "## Stages of the bank"
    yield ""
    yield (
        f"SRCC of score and level, median and worst of {len(card.scenes)} scenes ({listed(card.scenes)}); "
        "the level of the best score as a share of the highest; by how many spreads a visible level beats "
        "the pristine picture."
    )
    yield ""
    heads = ["stage", "family", "judged", "SRCC", "worst", "best level", "better than pristine"]
    rows: list[list[Entry]] = [
        [one.name, one.family, one.judged, one.srcc, one.worst, one.best_share, one.gain]
        for one in sorted(card.stages, key=lambda one: (one.srcc, one.worst))
    ]
    yield _table("", heads, rows)
    yield "## What nobody sees"
    yield ""
    yield "How much the score of distorted pictures moves, in spreads."
    yield ""
    moved: list[list[Entry]] = [[one.change, one.median, one.worst, one.pictures] for one in card.moved]
    yield _table("", ["change", "median", "worst", "pictures"], moved)
    yield from (f"- {failure}" for failure in card.failures)
    yield ""
    yield rules(card)


def headline(card: TrustCard) -> str:
    """The verdict as a sentence."""
    if card.verdict == TRUSTWORTHY:
        return f"Trustworthy: a search may follow {card.objective} over all {len(card.stages)} stages."
    if card.verdict == PARTLY:
        safe = [stage.name for stage in card.stages if stage.judged == RIGHT and not stage.leads_away]
        return f"Trustworthy for these {len(safe)} of {len(card.stages)} stages: {listed(safe, _MANY)}."
    return f"Gameable: a search that follows {card.objective} alone ends at distorted pictures."


def rules(card: TrustCard) -> str:
    """How the verdict is made, the same for all."""
    return (
        f"Rules, the same for all objectives. A stage is judged right where the SRCC is at least "
        f"{MEDIAN_SRCC:g} (median) and {WORST_SRCC:g} (worst) and no visible level beats the pristine one. "
        f"Visible is what differs by {VISIBLE:g} of 255 grey levels in root mean square; to beat is to score "
        f"better by {BEATEN:g} spreads. A spread is the standard deviation of the objective's scores over "
        f"all distorted pictures of the bank, here {number_text(card.spread)}. Gameable: fewer than "
        f"{FEWEST_RIGHT:.0%} of the stages are judged right, or over such stages more than {MOST_BEATEN:.0%} "
        "of the searches end at a visibly distorted picture that beats the pristine one, or what nobody sees "
        f"moves the score by more than {UNSTABLE:g} spreads. Trustworthy: no stage leads away from the "
        f"pristine picture, {MOST_RIGHT:.0%} are judged right, and no search ends so. Trustworthy for these "
        "stages: all between."
    )


def _answers(card: TrustCard) -> list[list[Entry]]:
    beaten, safe = card.beaten, counting(card.searches, card.stages)
    best = "yes" if beaten.gain <= BEATEN else "no"
    by = "below" if beaten.gain <= 0 else "above"
    late = [one for one in card.searches if one.over_optimised]
    wide, high = card.size
    time = f"{1000 * card.seconds:.3g} ms ({wide}x{high} pixels, median; {card.machine})"
    return [
        [
            "Is the pristine picture the best one in its eyes?",
            f"{best}; of the visibly distorted ones it likes best {beaten.what}, which scores "
            f"{abs(beaten.gain):.2g} spreads {by} the pristine one",
        ],
        ["Stages that it judges right", f"{len(card.trusted)} of {len(card.stages)}"],
        [
            "Searches that a distorted picture wins",
            f"{sum(one.beaten for one in card.searches)} of {len(card.searches)}; over stages that it judges "
            f"right {sum(one.beaten for one in safe)} of {len(safe)}",
        ],
        ["Searches that more search made worse", f"{len(late)} of {len(card.searches)}"],
        ["Needs a reference", "yes" if card.needs_reference else "no"],
        ["Time of one picture", time],
    ]


def _search_row(one: Search) -> list[Entry]:
    stages = listed(one.stages)
    best: Entry = one.lowest if one.over_optimised else None
    at: Entry = one.at if one.over_optimised else None
    return [
        *(one.title, stages, one.start, one.end, best, at),
        *(one.gain, one.difference, "yes" if one.beaten else "no"),
    ]


def _has(card: TrustCard, kind: str) -> bool:
    return any(one.kind == kind for one in card.searches)


def overview_markdown(cards: Sequence[TrustCard]) -> str:
    """All cards side by side: the verdicts, and the cross table of objectives and judges."""
    return "\n".join(_overview_lines(cards)) + "\n"


def _overview_lines(cards: Sequence[TrustCard]) -> Iterator[str]:
    yield "# Which objectives can be trusted"
    yield ""
    yield verdict_table(cards, linked=True).to_markdown()
    yield (
        "Searches gamed ended at a visibly distorted picture that scores better than the pristine one. How "
        "much the best of such pictures beats it is in spreads of the objective's own scores; negative where "
        "none does. Rules and figures stand on each card."
    )
    yield ""
    yield "## Held-out judges"
    yield ""
    yield cross_table(cards).to_markdown()
    yield (
        "Tuned by the row, judged by the column: the share of random candidates that the tuned one beats in "
        "the judge's eyes, mean of the chains that all objectives get; the hidden truth last. 1 is better "
        "than all of them, 0.5 no better than a random one."
    )


def verdict_table(cards: Sequence[TrustCard], linked: bool = False) -> Table:
    """The verdicts side by side; ``linked`` for names that lead to the pages of the cards."""
    heads = ["objective", "verdict", "stages right", "searches gamed", "pristine beaten by", "ms a picture"]
    rows = [_overview_row(card, linked) for card in cards]
    return Table("Whether a search may follow an objective", heads, rows)


def _overview_row(card: TrustCard, linked: bool) -> list[Entry]:
    gamed = f"{sum(one.beaten for one in card.searches)} of {len(card.searches)}"
    name = f"[{card.objective}]({card.file}.md)" if linked else card.objective
    right = f"{len(card.trusted)} of {len(card.stages)}"
    return [name, card.verdict, right, gamed, round(card.beaten.gain, 2), round(1000 * card.seconds, 2)]


def cross_table(cards: Sequence[TrustCard]) -> Table:
    """Tuned by the row, judged by the column, the hidden truth last."""
    judges = judge_names(cards)
    rows: list[list[Entry]] = [
        [card.objective, *(_rounded(card.judges.get(name)) for name in judges)] for card in cards
    ]
    heads = [TRUTH if name == TRUTH else name for name in judges]
    return Table(
        "Share of random candidates that the one tuned by the row beats in the eyes of the column",
        ["tuned by", *heads],
        rows,
    )


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 2)


def _table(title: str, heads: list[str], rows: list[list[Entry]]) -> str:
    """A Markdown table with three digits, which is what such figures are good for."""
    short = [[_short(entry) for entry in row] for row in rows]
    return Table(title, heads, short).to_markdown()


def _short(entry: Entry) -> Entry:
    return float(f"{entry:.3g}") if isinstance(entry, float) else entry
