from .run_facts import Progress as Progress, RunFacts as RunFacts
from .mlflow import MLflow as MLflow
from .tensorboard import TensorBoard as TensorBoard
from .tracker import Tracker as Tracker, TrackerError as TrackerError
from .wandb import WandB as WandB
