"""45 · The whole batch-norm layer as a class, judged over sequences of operations. Oracle: torch's BatchNorm."""

from utils.exercises.batchnorm_layer.cases import CASES
from utils.exercises.batchnorm_layer.driver import PROTOCOL, RETURNS, oracle, run
from utils.exercises.batchnorm_layer.layers import ACCEPTS
from utils.exercises.batchnorm_layer.mistakes import MISTAKES
from utils.grading.spec import Exercise, Question

LAYER = Exercise(
    name="BatchNorm",
    returns=RETURNS,
    run=run,
    protocol=PROTOCOL,
    oracle=oracle,
    cases=CASES,
    mistakes=MISTAKES,
    accepts=ACCEPTS,
    verified="outputs, gradients, running statistics and mode equal torch's BatchNorm1d and 2d in float64 after every step",
)
QUESTION = Question(chapter=6, minutes=26, exercises=(LAYER,))
