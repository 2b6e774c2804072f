"""17 · Batch norm in training and at inference, and folded into a convolution. Oracle: torch's batch_norm and conv2d."""

from utils.exercises.batchnorm_train_vs_eval.batchnorm_eval import EVAL
from utils.exercises.batchnorm_train_vs_eval.batchnorm_train import TRAIN
from utils.exercises.batchnorm_train_vs_eval.fold_batchnorm import FOLD
from utils.grading.spec import Question

QUESTION = Question(chapter=2, minutes=40, exercises=(TRAIN, EVAL, FOLD))
