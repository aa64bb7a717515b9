"""How a pipeline that makes one picture at a time is run: a program, a device, a function of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from isptune.errors import ConfigurationError


@dataclass(frozen=True)
class Development:
    """How ``Pipeline.develop`` is called.

    Attributes:
        isolated: in worker processes, where a crash or a hang costs one candidate alone. The pipeline is
            pickled into each; what cannot be pickled is made in ``warm_up``. False for what must stay in
            this process: time-outs are then the pipeline's own business.
        workers: how many pictures are made at the same time; 1 for a device that makes one at a time,
            None for one a processor.
        timeout: seconds for one picture; None for no limit. ``warm_up`` has time of its own.
        retries: how often a picture that failed or timed out is tried again.
        cache_gb: gigabytes of pictures that are kept, so that a candidate which was developed before is not
            developed again; 0 for a pipeline whose pictures differ from call to call.
        environment: variables that are set in the workers.
        together: to how many candidates one call of ``Pipeline.develop_many`` may go; 1 for a pipeline that
            writes ``develop`` alone. Such a call may take ``timeout`` for each of its candidates.
    """

    isolated: bool = True
    workers: int | None = 1
    timeout: float | None = None
    retries: int = 0
    cache_gb: float = 1.0
    environment: Mapping[str, str] = field(default_factory=dict)
    together: int = 1

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigurationError(f"workers is {self.workers}; allowed: 1 and above")
        if self.timeout is not None and not self.timeout > 0:
            raise ConfigurationError(f"timeout is {self.timeout}; allowed: above 0 seconds")
        if self.retries < 0:
            raise ConfigurationError(f"retries is {self.retries}; allowed: 0 and above")
        if not self.cache_gb >= 0:
            raise ConfigurationError(f"cache_gb is {self.cache_gb}; allowed: 0 and above")
        if self.together < 1:
            raise ConfigurationError(f"together is {self.together}; allowed: 1 and above")
