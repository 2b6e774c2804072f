"""28 · DenseNet: Huang, Liu, van der Maaten, Weinberger 2017, §3. Oracle: the zoo's blocks, and counting pairs."""

from utils.exercises.densenet.dense_block import BLOCK
from utils.exercises.densenet.dense_connections import CONNECTIONS
from utils.exercises.densenet.dense_layer import LAYER
from utils.exercises.densenet.transition import TRANSITION
from utils.grading.spec import Question

QUESTION = Question(chapter=3, minutes=48, exercises=(LAYER, BLOCK, TRANSITION, CONNECTIONS), torch=True)
