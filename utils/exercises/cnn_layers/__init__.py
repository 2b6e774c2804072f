"""20 · A CNN's layers: output size, convolution, max pooling, receptive field. Oracles: torch's functions in float64."""

from utils.exercises.cnn_layers.conv2d import CONV
from utils.exercises.cnn_layers.max_pool2d import POOL
from utils.exercises.cnn_layers.output_size import SIZE
from utils.exercises.cnn_layers.receptive_field import FIELD
from utils.grading.spec import Question

QUESTION = Question(chapter=3, minutes=50, exercises=(SIZE, CONV, POOL, FIELD))
