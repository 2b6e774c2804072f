"""41 · Bilinear sampling, RoI Align (He et al. 2017, as torchvision with aligned=True), RoI pooling (Girshick 2015)."""

from utils.exercises.roi_align.align import ALIGN
from utils.exercises.roi_align.bilinear import BILINEAR
from utils.exercises.roi_align.pooling import POOL
from utils.grading.spec import Question

QUESTION = Question(chapter=5, minutes=35, exercises=(BILINEAR, ALIGN, POOL), versions=("numpy", "torch", "scipy"))
