"""21 · The backward passes of convolution and of max pooling. Oracle: autograd through torch's conv2d and max_pool2d."""

from utils.exercises.conv_backward.conv2d_backward import CONV
from utils.exercises.conv_backward.max_pool2d_backward import POOL
from utils.grading.spec import Question

QUESTION = Question(chapter=3, minutes=38, exercises=(CONV, POOL))
