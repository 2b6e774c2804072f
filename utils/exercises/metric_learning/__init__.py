"""51 · Metric learning: Schroff et al. 2015 (FaceNet, §3), Hermans et al. 2017, Oord et al. 2018, Radford et al. 2021."""

from utils.exercises.metric_learning.contrast import CLIP, INFO_NCE
from utils.exercises.metric_learning.triplets import BATCH_HARD, TRIPLET
from utils.grading.spec import Question

QUESTION = Question(chapter=6, minutes=39, exercises=(TRIPLET, BATCH_HARD, INFO_NCE, CLIP))
