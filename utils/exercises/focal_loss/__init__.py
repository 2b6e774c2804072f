"""39 · Focal loss (Lin et al. 2017, §3), its gradient, the prior's bias, and SSD's hard negatives."""

from utils.exercises.focal_loss.loss import FOCAL
from utils.exercises.focal_loss.mining import MINING
from utils.exercises.focal_loss.prior import PRIOR
from utils.grading.spec import Question

QUESTION = Question(chapter=5, minutes=40, exercises=(FOCAL, PRIOR, MINING), versions=("numpy", "torch", "scipy"))
