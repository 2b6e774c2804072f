"""43 · How a deep network is initialised, and which activation it takes."""

from utils.exercises.initialisation_and_activations.activation import ACTIVATION
from utils.exercises.initialisation_and_activations.initialisation import DEAD, FANS, STD
from utils.grading.spec import Question

QUESTION = Question(chapter=6, minutes=44, exercises=(ACTIVATION, FANS, STD, DEAD))
