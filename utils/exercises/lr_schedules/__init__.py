"""47 · Cosine with warm-up, plateau decay, clipping by the global norm, averaged weights."""

from utils.exercises.lr_schedules.averaging import AVERAGE
from utils.exercises.lr_schedules.clipping import CLIP
from utils.exercises.lr_schedules.schedules import COSINE, PLATEAU
from utils.grading.spec import Question

QUESTION = Question(chapter=6, minutes=44, exercises=(COSINE, PLATEAU, CLIP, AVERAGE))
