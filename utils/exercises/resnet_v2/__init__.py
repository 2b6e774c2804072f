"""26 · ResNet v2: He, Zhang, Ren, Sun 2016, eq. 6–8, §4 and figure 4e. Oracles: the zoo's blocks, and autograd."""

from utils.exercises.resnet_v2.identity_path_gain import GAIN
from utils.exercises.resnet_v2.preact_block import BLOCK
from utils.exercises.resnet_v2.preact_bottleneck import BOTTLENECK
from utils.grading.spec import Question

QUESTION = Question(chapter=3, minutes=45, exercises=(BLOCK, BOTTLENECK, GAIN), torch=True)
