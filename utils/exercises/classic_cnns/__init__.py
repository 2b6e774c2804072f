"""23 · LeNet, AlexNet, VGG: LeCun et al. 1998 §II, Krizhevsky 2014, Simonyan & Zisserman 2015 table 1. Oracle: the zoo.

How networks of 60 to 144 million parameters are judged in milliseconds: `run_wide` makes the module on the meta
device, where parameters have shapes and no memory, and counts them there. Then every size that 16 divides is cut to
a sixteenth, in parameters and running statistics, and the module's own forward runs on what is left. No fact is lost
by that: a full network whose parameters repeat themselves with that period, each divided by the number of copies that
a sum runs over, computes the very same numbers. A forward that insists on the true widths gets just that network.
"""

from utils.exercises.classic_cnns.alexnet import ALEXNET
from utils.exercises.classic_cnns.lenet5 import LENET
from utils.exercises.classic_cnns.stacked_conv_parameters import STACK
from utils.exercises.classic_cnns.vgg import VGG
from utils.grading.spec import Question

QUESTION = Question(chapter=3, minutes=45, exercises=(LENET, ALEXNET, VGG, STACK), torch=True)
