"""22 · A convolution as a matrix, and what its sharing saves. Oracle: torch's conv2d and its layers' parameters."""

from utils.exercises.conv_vs_fc.conv_as_matrix import MATRIX
from utils.exercises.conv_vs_fc.parameter_counts import COUNTS
from utils.grading.spec import Question

QUESTION = Question(chapter=3, minutes=36, exercises=(MATRIX, COUNTS))
