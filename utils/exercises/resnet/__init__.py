"""25 · ResNet: He, Zhang, Ren, Sun 2015, §3.3 and table 1, and the chain rule of a sum. Oracle: the zoo's blocks."""

from utils.exercises.resnet.basic_block import BASIC
from utils.exercises.resnet.bottleneck import BOTTLENECK
from utils.exercises.resnet.residual_jacobian import JACOBIAN
from utils.grading.spec import Question

QUESTION = Question(chapter=3, minutes=50, exercises=(BASIC, BOTTLENECK, JACOBIAN), torch=True)
