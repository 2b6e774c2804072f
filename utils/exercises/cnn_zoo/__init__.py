"""29 · What a network costs: parameters and multiply-adds. Oracle: torch's own flop counter, which counts twice."""

from utils.exercises.cnn_zoo.conv2d_macs import CONV
from utils.exercises.cnn_zoo.count_parameters import COUNT
from utils.exercises.cnn_zoo.model_macs import MACS
from utils.grading.spec import Question

QUESTION = Question(chapter=3, minutes=40, exercises=(COUNT, CONV, MACS), torch=True)
