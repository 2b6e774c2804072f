"""24 · Inception: Szegedy et al. 2015 to 2017, the modules and what they cost. Oracle: the zoo's modules and counts."""

from utils.exercises.inception.bottleneck_macs import MACS
from utils.exercises.inception.factorized_conv import FACTORIZED
from utils.exercises.inception.inception_resnet import RESIDUAL
from utils.exercises.inception.inception_v1 import V1
from utils.exercises.inception.inception_v2 import V2
from utils.grading.spec import Question

QUESTION = Question(chapter=3, minutes=55, exercises=(V1, V2, FACTORIZED, RESIDUAL, MACS), torch=True)
