from .agreement import compare as compare, evaluate as evaluate
from .report import write_reports as write_reports
from .resampling import (
    Difference as Difference,
    Estimate as Estimate,
    bootstrap as bootstrap,
    paired_difference as paired_difference,
)
from .results import Agreement as Agreement, Evaluation as Evaluation
from .scatter import draw_scatter as draw_scatter
from .scoring import Scores as Scores, read_scores as read_scores, score_dataset as score_dataset
from .statistics import (
    LogisticFit as LogisticFit,
    fit_logistic as fit_logistic,
    krcc as krcc,
    plcc as plcc,
    rmse as rmse,
    srcc as srcc,
)
