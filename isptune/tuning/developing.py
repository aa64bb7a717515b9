"""Pictures from a pipeline that develops one candidate at a time: workers, time-outs, retries, a cache."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isptune.contracts.development import Development
from isptune.errors import ConfigurationError, EvaluationError
from isptune.runs.generation import DONE, FAILED, TIMED_OUT
from isptune.tuning.blame import called
from isptune.tuning.developed import as_picture
from isptune.tuning.devices import processors
from isptune.tuning.worker_process import in_one_line
from isptune.tuning.workers import Reply, Workers

if TYPE_CHECKING:
    from isptune.contracts.pipeline import Pipeline, Scene
    from isptune.parameters import ParameterSpace

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Developed:
    """What became of one candidate on one scene.

    Attributes:
        candidate, scene: their indices.
        status: ``"done"``, ``"failed"`` or ``"timed out"``.
        picture: (3, H, W) float32 in [0, 1]; None unless done.
        reason: why not, in one sentence.
    """

    candidate: int
    scene: int
    status: str
    picture: Picture | None
    reason: str = ""


class Developer:
    """What a worker holds: a pipeline that is warmed up before its first picture."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._is_warm = False

    def warm_up(self) -> None:
        """Warm the pipeline up, once."""
        if not self._is_warm:
            self.pipeline.warm_up()
            self._is_warm = True

    def develop(self, values: dict[str, Any], scene: int | Scene) -> Picture:
        """One picture, checked; of a scene of the pipeline by its index, or of another."""
        self.warm_up()
        where = self.pipeline.scene(scene)
        return as_picture(self.pipeline.develop(values, where), where.height, where.width)

    def develop_many(self, values: Sequence[dict[str, Any]], scene: int | Scene) -> list[Picture | None]:
        """Pictures, checked; None for a candidate without a sound one."""
        self.warm_up()
        where = self.pipeline.scene(scene)
        given = self.pipeline.develop_many(values, where)
        if len(given) != len(values):
            raise ValueError(f"develop_many gave {len(given)} pictures of {len(values)} candidates")
        found: list[Picture | None] = []
        for one in given:
            try:
                found.append(as_picture(one, where.height, where.width))
            except ValueError:
                # It is developed once more, alone, and then it has a reason of its own.
                found.append(None)
        return found


class Developing:
    """Develops batches of candidates; keeps its workers and its cache for as long as it is open.

    Args:
        pipeline: one that writes ``develop``.
        space: what candidates are of, the pipeline's with constraints or without.
        development: how; the pipeline's own if None.

    Raises:
        ConfigurationError: the pipeline cannot be copied into a worker, or wants candidates together and
            does not write ``develop_many``.
    """

    def __init__(
        self, pipeline: Pipeline, space: ParameterSpace, development: Development | None = None
    ) -> None:
        self.space = space
        self.how = development or pipeline.development
        self.pipeline = pipeline
        if self.how.together > 1 and not pipeline.develops_many:
            raise ConfigurationError(
                f"the pipeline '{called(pipeline)}' wants {self.how.together} candidates together: write "
                "develop_many(values, scene), or leave Development(together=1)"
            )
        count = self.how.workers or processors()
        developer = Developer(pipeline)
        self._here, self._workers = developer, None
        if self.how.isolated:
            self._workers = Workers(
                developer,
                count,
                self.how.timeout,
                self.how.environment,
                prepare="warm_up",
                name=f"the pipeline '{called(pipeline)}'",
            )
        self._count = count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="isptune-develop")
        self._cache = _Cache(self.how.cache_gb * 1e9)
        # Scenes that are not the pipeline's, while they are developed, by numbers that follow its own.
        self._others: dict[int, Scene] = {}
        self._numbers = itertools.count(len(pipeline.scenes))

    def develop(self, values: Tensor, scenes: Sequence[int]) -> Iterator[Developed]:
        """Make pictures of candidates, and give each as soon as it is there.

        A candidate meets one scene after the other and no more of them once it has failed. Candidates of
        equal values are developed once. Nothing is made a second time but by ``retries``.

        Args:
            values: (P, n), see ``ParameterSpace.to_values``.
            scenes: indices of the pipeline's scenes, or numbers of those that were ``lent``.
        """
        rows = self.space.to_dicts(values)
        keys = [row.tobytes() for row in values.detach().cpu().numpy()]
        same: dict[bytes, list[int]] = {}
        for candidate, key in enumerate(keys):
            same.setdefault(key, []).append(candidate)
        running: dict[Future[list[Reply | None]], tuple[list[bytes], int]] = {}

        def start(keys: list[bytes], position: int) -> None:
            where = self._others.get(scenes[position], scenes[position])
            job = self._threads.submit(self._make, [rows[same[key][0]] for key in keys], where)
            running[job] = keys, position

        def go_on(keys: Iterable[bytes], position: int) -> Iterator[Developed]:
            """Start on what is not known of candidates from this scene on, then give what is known."""
            known: list[Developed] = []
            unknown: dict[int, list[bytes]] = {}
            for key in keys:
                for place in range(position, len(scenes)):
                    picture = self._cache.get((key, scenes[place]))
                    if picture is None:
                        unknown.setdefault(place, []).append(key)
                        break
                    known += [Developed(candidate, scenes[place], DONE, picture) for candidate in same[key]]
            for place, waiting in unknown.items():
                for part in self._parts(waiting):
                    start(part, place)
            yield from known

        try:
            yield from go_on(same, 0)
            while running:
                ready, _ = wait(running, return_when=FIRST_COMPLETED)
                for job in ready:
                    keys, position = running.pop(job)
                    done: list[bytes] = []
                    for key, reply in zip(keys, job.result(), strict=True):
                        if reply is None:
                            start([key], position)
                            continue
                        if reply.status == DONE:
                            if scenes[position] not in self._others:
                                self._cache.put((key, scenes[position]), reply.value)
                            done.append(key)
                        for candidate in same[key]:
                            yield Developed(
                                candidate, scenes[position], reply.status, reply.value, reply.reason
                            )
                    yield from go_on(done, position + 1)
        finally:
            for job in running:
                job.cancel()

    def pictures(self, values: Tensor, scene: Scene) -> Tensor:
        """(P, 3, H, W) the pictures of candidates on one scene, on the values' device.

        Args:
            values: (P, n).
            scene: one of the pipeline's, or what one of these is a crop of.

        Raises:
            EvaluationError: one of them failed or timed out.
        """
        own = [place for place, one in enumerate(self.pipeline.scenes) if one is scene]
        found: dict[int, Picture] = {}
        with self.lent([] if own else [scene]) as numbers:
            for one in self.develop(values, own or numbers):
                if one.picture is None:
                    what = f"the pipeline '{called(self.pipeline)}' {one.status}: {one.reason}"
                    raise EvaluationError(f"{what} on scene '{scene.name}'")
                found[one.candidate] = one.picture
        return torch.from_numpy(np.stack([found[row] for row in range(len(values))])).to(values.device)

    @contextmanager
    def lent(self, scenes: Sequence[Scene]) -> Iterator[list[int]]:
        """Numbers by which ``develop`` knows scenes that are not the pipeline's, until it is left."""
        numbers = [next(self._numbers) for _ in scenes]
        self._others.update(zip(numbers, scenes, strict=True))
        try:
            yield numbers
        finally:
            for number in numbers:
                del self._others[number]

    def close(self) -> None:
        """End the workers."""
        if self._workers is not None:
            self._workers.close()
        self._threads.shutdown(cancel_futures=True)

    def __enter__(self) -> Developing:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _parts(self, keys: list[bytes]) -> Iterator[list[bytes]]:
        """Candidates in parts of which each is for one call, so that all workers have some."""
        count = max(-(-len(keys) // self.how.together), min(self._count, len(keys)))
        for part in range(count):
            yield keys[part * len(keys) // count : (part + 1) * len(keys) // count]

    def _make(self, values: list[dict[str, Any]], scene: int | Scene) -> list[Reply | None]:
        """A reply for each candidate; None for one that others were with, and that has no picture yet."""
        if len(values) == 1:
            return [self._alone(values[0], scene)]
        reply = self._call("develop_many", values, scene, timeouts=len(values))
        if reply.status != DONE:
            return [None] * len(values)
        return [None if picture is None else Reply(DONE, picture) for picture in reply.value]

    def _alone(self, values: dict[str, Any], scene: int | Scene) -> Reply:
        reply = self._call("develop", values, scene)
        for attempt in range(self.how.retries):
            if reply.status == DONE:
                break
            reply = self._call("develop", values, scene)
            if reply.status != DONE:
                reply = replace(reply, reason=f"{reply.reason} ({attempt + 2} attempts)")
        return reply

    def _call(self, method: str, *arguments: Any, timeouts: int = 1) -> Reply:
        if self._workers is not None:
            return self._workers.call(method, *arguments, timeouts=timeouts)
        try:
            return Reply(DONE, getattr(self._here, method)(*arguments))
        except TimeoutError as error:
            return Reply(TIMED_OUT, reason=str(error) or "it took too long")
        except (Exception, SystemExit) as error:
            return Reply(FAILED, reason=in_one_line(error))


class _Cache:
    """Pictures by candidate and scene; the ones used longest ago go first."""

    def __init__(self, most_bytes: float) -> None:
        self._most = most_bytes
        self._held = 0
        self._pictures: OrderedDict[tuple[bytes, int], Picture] = OrderedDict()

    def get(self, key: tuple[bytes, int]) -> Picture | None:
        if key in self._pictures:
            self._pictures.move_to_end(key)
        return self._pictures.get(key)

    def put(self, key: tuple[bytes, int], picture: Picture) -> None:
        if picture.nbytes > self._most:
            return
        self._pictures[key] = picture
        self._held += picture.nbytes
        while self._held > self._most:
            _, gone = self._pictures.popitem(last=False)
            self._held -= gone.nbytes
