"""49 · Efficient CNNs: Howard et al. 2017, Sandler et al. 2018, Hu et al. 2018, Liu et al. 2022. Oracle: the zoo's blocks."""

from utils.exercises.efficient_cnns.costs import COST
from utils.exercises.efficient_cnns.gates_and_blocks import CONVNEXT, SQUEEZE
from utils.exercises.efficient_cnns.inverted import INVERTED
from utils.grading.spec import Question

QUESTION = Question(chapter=6, minutes=41, exercises=(COST, INVERTED, SQUEEZE, CONVNEXT), torch=True)
