"""34 · Logistic regression, with both penalties. Oracle: torch's BCE with logits in float64, autograd and its Hessian."""

from utils.exercises.logistic_regression.logistic_gradient import GRADIENT
from utils.exercises.logistic_regression.logistic_hessian import HESSIAN
from utils.exercises.logistic_regression.logistic_loss import LOSS
from utils.grading.spec import Question

QUESTION = Question(chapter=4, minutes=45, exercises=(LOSS, GRADIENT, HESSIAN))
