"""32 · Cross-entropy against squared error. Oracle: torch's softmax and losses in float64, gradients by autograd."""

from utils.exercises.cross_entropy_vs_mse.cross_entropy import CROSS_ENTROPY
from utils.exercises.cross_entropy_vs_mse.sigmoid_ce_grad import SIGMOID_CE
from utils.exercises.cross_entropy_vs_mse.sigmoid_mse_grad import SIGMOID_MSE
from utils.exercises.cross_entropy_vs_mse.softmax import SOFTMAX
from utils.grading.spec import Question

QUESTION = Question(chapter=4, minutes=48, exercises=(SOFTMAX, CROSS_ENTROPY, SIGMOID_MSE, SIGMOID_CE))
