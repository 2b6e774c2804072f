"""18 · What batch norm learns and what it does to a deep net's activations. Oracle: torch's own layers and batch_norm."""

from utils.exercises.why_batchnorm.activation_stds import STDS
from utils.exercises.why_batchnorm.batchnorm_parameter_count import COUNT
from utils.exercises.why_batchnorm.undo_batchnorm import UNDO
from utils.grading.spec import Question

QUESTION = Question(chapter=2, minutes=45, exercises=(COUNT, UNDO, STDS))
