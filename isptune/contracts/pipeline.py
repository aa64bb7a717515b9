"""The contract of a pipeline: what turns parameters into images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor

from isptune.contracts.development import Development
from isptune.contracts.requirements import Memory, Packaged
from isptune.contracts.scene import Scene as Scene
from isptune.contracts.variants import Variants
from isptune.errors import ConfigurationError
from isptune.parameters import ParameterSpace
from isptune.wording.showing import counted, short


class Pipeline(Packaged):
    """Turns parameter values into pictures; subclass it and write ``render`` for whole populations at once.

    A program, a device or a plain function makes one picture at a time: write ``develop`` instead. One that
    knows how far a candidate is from the optimum is ``Truthful`` as well.

    Attributes that a subclass sets:
        space: the parameters.
        scenes: what it can render, of any sizes.
        is_differentiable: gradients flow from the images to the values.
        has_reference: ``reference`` gives a picture for every scene.
        stage_names: the registered names of its stages in their order, so that a run can tell which of them
            the objective is known to misjudge; empty where it has no stages or does not tell.
        stage_families: the stages' families, one for each name, or empty.
        takes_scenes: the option ``scenes`` may hold ``Scene`` objects, so that pictures that are read once
            serve many runs.
        takes_raw: scenes may be raw files, in the place of pictures.
        render_options: options that ``isptune render`` gives unless told otherwise, such as those with which
            the parameters are in units that people know.
        variants: the option by which a benchmark makes other tasks of it, and what these are called.
        proposer: the checkpoint of a proposer for it, a file beside its module, which ``--proposer own``
            takes; empty where there is none.
        memory: what one candidate holds at the peak of ``render``, for the memory budget.
        packaging: what has to be installed.
        device: where ``to`` has moved it; renderings lie there.
        development: how ``develop`` is run: workers, time-out, retries, cache.
        versions: of the programs and libraries that make the pictures, by name; ``run.yaml`` notes them.

    The conformance suite ``isptune.testing.PipelineConformance`` checks all of it.
    """

    space: ParameterSpace
    scenes: Sequence[Scene]
    is_differentiable: bool = False
    has_reference: bool = False
    stage_names: tuple[str, ...] = ()
    stage_families: tuple[str, ...] = ()
    takes_scenes: ClassVar[bool] = False
    takes_raw: ClassVar[bool] = False
    variants: ClassVar[Variants] = Variants()
    render_options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    aliases: ClassVar[tuple[str, ...]] = ()
    proposer: ClassVar[str] = ""
    memory: Memory = Memory(images=8.0, images_with_gradients=60.0)
    device: torch.device = torch.device("cpu")
    development: Development = Development()
    versions: Mapping[str, str] = MappingProxyType({})

    name: str = ""
    options: dict[str, Any]

    def render(self, values: Tensor, scene: Scene | int) -> Tensor:
        """Render candidates on one scene, all in one batch.

        Args:
            values: (P, n) parameter values, as ``space.to_values`` gives them.
            scene: one of ``scenes``, or its index.

        Returns:
            (P, 3, H, W) RGB in [0, 1]; row i depends on ``values[i]`` alone. A pipeline that writes
            ``develop`` instead gets them developed as ``development`` says, in workers that end with the
            call; a run keeps its workers.

        Raises:
            EvaluationError: a picture of such a pipeline failed or timed out.
        """
        from isptune.tuning.developing import Developing

        with Developing(self, self.space) as developing:
            return developing.pictures(values, self.scene(scene))

    def develop(self, values: dict[str, Any], scene: Scene) -> Any:
        """Make the picture of one candidate; for pipelines that cannot make a batch, instead of ``render``.

        Args:
            values: every parameter by its name, as people write it.
            scene: one of ``scenes``.

        Returns:
            A (3, H, W) tensor in [0, 1], or an (H, W, 3) array: floating point in [0, 1], uint8 or uint16.

        Raises:
            Exception: whatever it raises is the reason for which this candidate alone has failed.
            TimeoutError: the candidate has timed out.
        """
        raise NotImplementedError(f"{type(self).__name__} writes neither render nor develop")

    def develop_many(self, values: Sequence[dict[str, Any]], scene: Scene) -> Sequence[Any]:
        """Make pictures of several candidates in one call, where that is faster than one at a time.

        It is called where ``development.together`` is above 1, and ``develop`` has to be there all the same.

        Args:
            values: at most ``development.together`` candidates, each as ``develop`` gets it.
            scene: one of ``scenes``.

        Returns:
            For each of them, in their order, the same picture to the last bit as ``develop`` gives, or None
            or an exception where there is none. Those are developed once more, one at a time, so that what
            becomes of a candidate does not depend on the others.

        Raises:
            Exception: nothing is known of any of them: all are developed one at a time. The same holds where
                the worker crashes or takes longer than ``development.timeout`` for each.
        """
        raise NotImplementedError(f"{type(self).__name__} does not write develop_many")

    def before_run(self, space: ParameterSpace) -> None:
        """Called once before a run writes anything: refuse what a run would be wasted on.

        Args:
            space: what the run searches, with its constraints.

        Raises:
            IsptuneError: one sentence that says what is wrong.
        """

    def before_run_key(self, space: ParameterSpace) -> str | None:
        """A digest of all on which it depends what ``before_run`` finds; None to be asked before every run.

        The directory of a run, or of a benchmark, keeps it once ``before_run`` has let a run pass, which is
        not called again there while the key is the same: after a kill, and in the benchmark's other cells.
        """
        return None

    def warm_up(self) -> None:
        """Called once in every worker before its first picture: start a program, open a device."""

    def settings_file(self, values: Mapping[str, Any], form: str) -> str:
        """Parameters as the text of a file that its program reads, for ``isptune export``.

        Args:
            values: every parameter by its name, as people write it.
            form: such as ``"json"``, see ``isptune.parameters.settings_files``; a pipeline may know others.

        Raises:
            ConfigurationError: a form that it does not know, or values that the form cannot hold.
        """
        from isptune.parameters.settings_files import PLAIN_FORMS, require_form, written_settings

        return written_settings(values, require_form(form, PLAIN_FORMS))

    @property
    def develops(self) -> bool:
        """Whether it makes one picture at a time: it writes ``develop`` and not ``render``."""
        return type(self).render is Pipeline.render

    @property
    def develops_many(self) -> bool:
        """Whether it can make several pictures in one call: it writes ``develop_many``."""
        return type(self).develop_many is not Pipeline.develop_many

    def __repr__(self) -> str:
        return short("Pipeline", self.name or type(self).__name__, *self._shown_facts())

    def _repr_html_(self) -> str:
        caption = ", ".join([f"Pipeline {self.name or type(self).__name__}", *self._shown_facts()[1:]])
        space = getattr(self, "space", None)
        return f"<p>{escape(caption)}</p>{'' if space is None else space._repr_html_()}"

    def _shown_facts(self) -> list[str]:
        """What there is to say of it; a subclass that is not ready yet has less."""
        space, scenes = getattr(self, "space", None), getattr(self, "scenes", None) or ()
        sizes = sorted({f"{scene.width}x{scene.height}" for scene in scenes if isinstance(scene, Scene)})
        return [
            "" if space is None else counted(len(space), "parameter"),
            counted(len(scenes), "scene") + (f" of {sizes[0]}" if len(sizes) == 1 else ""),
            "differentiable" if self.is_differentiable else "",
        ]

    def scene(self, which: Scene | int) -> Scene:
        """The scene itself, or the one with that index."""
        if isinstance(which, Scene):
            return which
        if not -len(self.scenes) <= which < len(self.scenes):
            raise ConfigurationError(f"there is no scene {which}; the pipeline has {len(self.scenes)}")
        return self.scenes[which]

    def reference(self, scene: Scene | int) -> Tensor | None:
        """(1, 3, H, W), what a result of a scene is compared with, or None where there is no such picture."""
        reference = self.scene(scene).reference
        return None if reference is None else reference.unsqueeze(0)

    def digest(self, scene: Scene | int) -> str | None:
        """A digest of what a scene holds, so that a run is not resumed on another; None where there is none.

        By default that of tensors, arrays, texts, numbers and files, see ``Scene.digest``.
        """
        return self.scene(scene).digest()

    def whole(self, scene: Scene | int) -> Scene:
        """What pictures of a run show of a scene: by default itself, or all of what it is a crop of."""
        return self.scene(scene)

    def window(self, scene: Scene, place: tuple[int, int, int, int]) -> Scene | None:
        """A part of a scene as a scene of its own, at the same resolution; by default there is none.

        Races may look at windows before they look at whole scenes. The framework cuts nothing out of
        pictures: what is rendered of a window has to be less work than the whole.

        Args:
            scene: one of ``scenes``.
            place: x, y, width and height in the result, in pixels; x and y are multiples of 16.

        Returns:
            A scene of that width and height, with the same index and with that part of the reference; None
            where the pipeline cannot render parts.
        """
        return None

    def work(self, scene: Scene) -> float:
        """How much work a picture of a scene is: by default its pixels.

        Only ratios count. A pipeline that renders more than it shows of a window says so here.
        """
        return float(scene.height * scene.width)

    def to(self, device: torch.device | str) -> Pipeline:
        """Move scenes and buffers to a device and return the pipeline itself."""
        for scene in self.scenes:
            scene.to(device)
        self.device = torch.device(device)
        return self
