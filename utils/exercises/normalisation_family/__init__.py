"""44 · Layer, group and RMS norm, forward and backward."""

from utils.exercises.normalisation_family.groupnorm import GROUP
from utils.exercises.normalisation_family.layernorm import LAYER, LAYER_BACKWARD
from utils.exercises.normalisation_family.rmsnorm import RMS, RMS_BACKWARD
from utils.grading.spec import Question

QUESTION = Question(chapter=6, minutes=45, exercises=(LAYER, LAYER_BACKWARD, GROUP, RMS, RMS_BACKWARD))
