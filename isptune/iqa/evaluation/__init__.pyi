from .evaluating import compare as compare, evaluate as evaluate
from .evaluation_files import write_reports as write_reports
from .resampling import (
    Difference as Difference,
    Estimate as Estimate,
    bootstrap as bootstrap,
    paired_difference as paired_difference,
)
from .findings import Agreement as Agreement, Evaluation as Evaluation
from .scatter import draw_scatter as draw_scatter
from .dataset_scores import Scores as Scores, read_scores as read_scores, score_dataset as score_dataset
from .correlations import (
    LogisticFit as LogisticFit,
    fit_logistic as fit_logistic,
    krcc as krcc,
    plcc as plcc,
    rmse as rmse,
    srcc as srcc,
)
