"""27 · ResNeXt: Xie, Girshick, Dollár, Tu, He 2017, §3 and figure 3c. Oracles: torch's grouped conv2d, the zoo's block."""

from utils.exercises.resnext.block_parameters import _COUNT
from utils.exercises.resnext.grouped_conv2d import _CONV
from utils.exercises.resnext.resnext_block import _BLOCK
from utils.grading.spec import Question

QUESTION = Question(chapter=3, minutes=45, exercises=(_CONV, _BLOCK, _COUNT), torch=True)
