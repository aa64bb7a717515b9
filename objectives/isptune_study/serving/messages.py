"""What the page sends and gets, with the type, size and range of each value."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from isptune_study.study_tables import FORMULAS

State = Literal["open", "wait", "stopped", "done"]
Gamut = Literal["srgb", "p3", "rec2020", "unknown"]


def _whole(value: Any) -> Any:
    # To JSON 2.0 is a whole number.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, Field(ge=0, le=100_000), BeforeValidator(_whole)]
Number = Annotated[int, Field(ge=0, lt=2**31), BeforeValidator(_whole)]
Visit = Annotated[int, Field(ge=1, lt=2**31), BeforeValidator(_whole)]


def _name(text: str) -> str:
    # A name stands in tables of other programs, which take some signs for a formula.
    if not text.isprintable() or not text.strip() or text.startswith(FORMULAS):
        raise ValueError(f"printable characters are allowed, and none of {' '.join(FORMULAS)} at the begin")
    return text.strip()


def _share(value: float) -> float:
    if value not in (0, 0.5, 1):
        raise ValueError("0, 0.5 and 1 are allowed")
    return float(value)


Share = Annotated[float, AfterValidator(_share), Field(json_schema_extra={"enum": [0, 0.5, 1]})]

Name = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_name)]


class Received(BaseModel):
    """What is sent: nothing unknown, no number that is none, no text for a number."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class Empty(Received):
    """``{}``."""


class Plate(Received):
    """A colour plate and what was read on it."""

    shown: str = Field(max_length=20)
    said: str = Field(max_length=20)


class SittingDetails(Received):
    """The screen and the distance of a visit."""

    width: Count | None = None
    height: Count | None = None
    pixel_ratio: float | None = Field(default=None, gt=0, le=20)
    gamut: Gamut | None = None
    distance_cm: float | None = Field(default=None, gt=0, le=1000)
    plates: list[Plate] | None = Field(default=None, max_length=40)
    exact: bool | None = None
    pixels_per_mm: float | None = Field(default=None, gt=0, le=200)
    stripes: Literal["even", "bands"] | None = None
    agent: str | None = Field(default=None, max_length=300)


class AnswerDetails(Received):
    """How a pair was looked at."""

    scale: float | None = Field(default=None, gt=0, le=20)
    zoom: float | None = Field(default=None, gt=0, le=100)
    flips: Count | None = None
    reference_flips: Count | None = None
    pans: Count | None = None
    gamut: Gamut | None = None
    input: Literal["keyboard", "mouse", "touch", "pen", "other"] | None = None
    view: Literal["beside", "flip"] | None = None
    side: Literal["left", "right", "both", "none"] | None = None
    exact: bool | None = None
    width: Count | None = None
    height: Count | None = None
    hidden_seconds: float | None = Field(default=None, ge=0, le=1e6)


class Given(Received):
    """An answer."""

    trial: Number
    share: Share
    key: str = Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")
    sitting: Visit | None = None
    seconds: float | None = Field(default=None, ge=0, le=86_400)
    note: str = Field(default="", max_length=500)
    details: AnswerDetails = AnswerDetails()


class NewObserver(Received):
    """Who is to take part."""

    name: Name
    note: str = Field(default="", max_length=500)


class Progress(BaseModel):
    """How far an observer is; ``total`` is None where nobody knows."""

    answered: int
    total: int | None


class Consent(BaseModel):
    """What an observer is asked to agree to."""

    text: list[str]
    given: bool


class Screen(BaseModel):
    """The least size of the window in CSS pixels."""

    width: int
    height: int


class Facts(BaseModel):
    """What the page shows before the first pair."""

    title: str
    observer: str
    kind: Literal["study", "search"] = "study"
    question: str = "Which picture is better?"
    instructions: list[str] = []
    consent: Consent | None = None
    references: bool = False
    best: bool = False
    plates: int = 0
    plates_seed: int = 0
    screen: Screen | None = None
    distance_cm: float | None = None
    break_minutes: float | None = 30
    state: State = "open"
    sittings: int = 0
    progress: Progress


class Shown(BaseModel):
    """A picture to show."""

    image: str
    width: int
    height: int


class Pair(BaseModel):
    """A question."""

    trial: int
    training: bool
    left: Shown
    right: Shown
    reference: Shown | None = None


class Asked(BaseModel):
    """What is asked next."""

    state: State
    wait_ms: int | None = None
    trials: list[Pair] = []


class Best(BaseModel):
    """What a search has found so far, beside the default."""

    current: Shown
    default: Shown
    reference: Shown | None = None


class ConsentGiven(BaseModel):
    given: bool = True


class Sitting(BaseModel):
    sitting: int


class Acknowledged(BaseModel):
    new: bool
    progress: Progress


class Withdrawn(BaseModel):
    withdrawn: bool = True


class Link(BaseModel):
    """An observer's link, which is told once."""

    observer: int
    name: str
    link: str


class StudyState(BaseModel):
    state: State


class Problem(BaseModel):
    """One plain sentence."""

    error: str


class ObserverProgress(BaseModel):
    """An observer in the eyes of who runs the study."""

    observer: int
    name: str
    note: str
    answered: int
    total: int | None
    sittings: int
    consented: bool
    withdrawn: bool
    last: str | None
    median_seconds: float | None
    unsure: float | None
    plates: int | None = None
    plates_right: int | None = None
    remarks: list[str] = []


class ImageScore(BaseModel):
    """An image so far; what is not known yet is None."""

    name: str
    jod: float | None
    half_width: float | None
    comparisons: int


class SceneProgress(BaseModel):
    """A scene so far."""

    scene: str
    answers: int
    connected: bool
    half_width_jod: float | None
    images: list[ImageScore]


class StudyProgress(BaseModel):
    """The study so far."""

    title: str
    kind: str
    state: State
    answers: int
    total: int | None
    observers: list[ObserverProgress]
    scenes: list[SceneProgress]
