"""46 · Inverted dropout, mixup and early stopping."""

from utils.exercises.dropout_and_regularisation.dropout import BACKWARD, FORWARD
from utils.exercises.dropout_and_regularisation.stopping import MIXUP, STOPPING
from utils.grading.spec import Question

QUESTION = Question(chapter=6, minutes=39, exercises=(FORWARD, BACKWARD, MIXUP, STOPPING))
